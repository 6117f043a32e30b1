/** onnxruntime-web: loaded from the site itself, on the backend that was asked for and is there. */

import { messageOf, TranscriptionError } from "./errors.js";
import { areRecommended } from "./manifest.js";

/** @typedef {typeof import("onnxruntime-web")} Runtime */
/** @typedef {"wasm" | "webgpu"} Backend */
/** @typedef {{backend: Backend, note: string}} Choice and why it is not what was asked for */

/**
 * @typedef {object} RuntimeFiles where onnxruntime-web is
 * @property {string} [folder] URL of its `dist` folder, ending in "/"
 * @property {ArrayBuffer} [wasm] instead, the WebAssembly binary itself, for a worker whose bundle
 *   carries the runtime as `globalThis.onnxruntime`
 */

/**
 * What each backend loads. The CPU's is the 14 MB build: `ort.webgpu` would pull 27 MB
 * (onnxruntime-web 1.30.0, 2026-11).
 */
export const RUNTIME_FILES = Object.freeze({
  wasm: Object.freeze({
    module: "ort.wasm.min.mjs",
    glue: "ort-wasm-simd-threaded.mjs",
    wasm: "ort-wasm-simd-threaded.wasm",
    wasmBytes: 14_239_897,
  }),
  webgpu: Object.freeze({
    module: "ort.webgpu.min.mjs",
    glue: "ort-wasm-simd-threaded.asyncify.mjs",
    wasm: "ort-wasm-simd-threaded.asyncify.wasm",
    wasmBytes: 26_781_914,
  }),
});

/** More threads than this gain nothing on networks this small. */
const MOST_THREADS = 4;

/**
 * The backend to load: the one that was asked for, where the models and the browser allow it.
 * Asked before anything is downloaded, so that nobody pays for a runtime that cannot run.
 *
 * @param {Backend} wanted
 * @param {RuntimeFiles} runtimeFiles
 * @param {Pick<import("./manifest.js").StageFile, "recommended_for">[]} files
 * @returns {Promise<Choice>}
 */
export async function chooseBackend(wanted, runtimeFiles, files) {
  if (wanted === "wasm") return { backend: wanted, note: "" };
  const note = areRecommended(files, wanted)
    ? await webgpuObstacle(runtimeFiles)
    : "this site's models are made for the CPU";
  return { backend: note === "" ? wanted : "wasm", note };
}

/** onnxruntime-web, started once, whatever number of models it runs. */
export class Engine {
  /**
   * Start the runtime; where WebGPU does not start, on the CPU, with a note.
   *
   * @param {{files: RuntimeFiles, threads?: number} & Choice} options threads: as many as the
   *   machine and the page's isolation allow, unless told
   * @returns {Promise<Engine>}
   * @throws {TranscriptionError} "runtime"
   */
  static async start({ files, backend, note, threads }) {
    const engine = new Engine(files, threads);
    await engine._load(backend, note);
    return engine;
  }

  /**
   * @param {RuntimeFiles} files
   * @param {number | undefined} threads
   */
  constructor(files, threads) {
    this._files = files;
    this._wanted = threads;
    /** What runs. @type {Backend} */
    this.backend = "wasm";
    this.threads = 1;
    /** Why it is not what was asked for; empty where it is. */
    this.note = "";
    /** @type {Runtime | null} */
    this._runtime = null;
  }

  /**
   * A session of a model; the first that WebGPU cannot make takes the engine to the CPU.
   * @param {Uint8Array} model
   * @returns {Promise<{runtime: Runtime, session: import("onnxruntime-web").InferenceSession}>}
   * @throws {TranscriptionError} "runtime"
   */
  async open(model) {
    const runtime = this._runtime;
    if (!runtime) throw new TranscriptionError("runtime", "the runtime has not been started");
    try {
      const session = await runtime.InferenceSession.create(model, {
        executionProviders: [this.backend],
        graphOptimizationLevel: "all",
      });
      return { runtime, session };
    } catch (error) {
      if (this.backend !== "webgpu") throw startError(this.backend, error);
      await this._load("wasm", messageOf(error));
      return this.open(model);
    }
  }

  /** @param {Backend} backend @param {string} [note] */
  async _load(backend, note = "") {
    const files = this._files;
    try {
      const runtime = await load(files, backend);
      this.threads = backend === "webgpu" ? 1 : threadCount(this._wanted);
      runtime.env.logLevel = "error";
      runtime.env.wasm.numThreads = this.threads;
      runtime.env.wasm.wasmBinary = files.wasm;
      runtime.env.wasm.wasmPaths = files.folder && (await pathsOf(files.folder, backend));
      this._runtime = runtime;
      Object.assign(this, { backend, note });
    } catch (error) {
      if (backend === "webgpu") await this._load("wasm", messageOf(error));
      else throw startError(backend, error);
    }
  }
}

/** @param {Backend} backend @param {unknown} error */
function startError(backend, error) {
  return new TranscriptionError(
    "runtime",
    `the ${backend} runtime did not start (${messageOf(error)}); ` +
      "reload the page, or try another browser",
    { cause: error },
  );
}

/**
 * Why WebGPU cannot be used here; empty where it can.
 * @param {RuntimeFiles} files
 * @returns {Promise<string>}
 */
async function webgpuObstacle(files) {
  if (!files.folder) return "this page carries the CPU runtime only";
  /** @type {any} */
  const gpu = /** @type {any} */ (navigator).gpu;
  if (!gpu) return "this browser has no WebGPU";
  try {
    return (await gpu.requestAdapter()) ? "" : "WebGPU found no graphics adapter";
  } catch (error) {
    return messageOf(error);
  }
}

/** @param {number | undefined} wanted */
function threadCount(wanted) {
  if (!globalThis.crossOriginIsolated) return 1; // no SharedArrayBuffer
  return Math.max(1, wanted ?? Math.min(MOST_THREADS, navigator.hardwareConcurrency || 1));
}

/**
 * Where the runtime finds its parts; the script that its threads start from is a blob of this
 * worker's own. In Firefox ESR 153 a thread whose script a service worker had to answer for never
 * started, in one of 50 sessions, and the runtime waited for ever.
 *
 * @param {string} folder
 * @param {Backend} backend
 * @returns {Promise<string | {mjs: string, wasm: string}>}
 */
async function pathsOf(folder, backend) {
  const { glue, wasm } = RUNTIME_FILES[backend];
  const response = await fetch(new URL(glue, folder));
  const mjs = URL.createObjectURL(new Blob([await response.blob()], { type: "text/javascript" }));
  try {
    await import(/* @vite-ignore */ /* webpackIgnore: true */ mjs);
    return { mjs, wasm: new URL(wasm, folder).href };
  } catch {
    return folder; // the host's Content-Security-Policy does without blobs
  }
}

/**
 * @param {RuntimeFiles} files
 * @param {Backend} backend
 * @returns {Promise<Runtime>}
 */
async function load(files, backend) {
  if (files.wasm) return /** @type {any} */ (globalThis).onnxruntime;
  const url = new URL(RUNTIME_FILES[backend].module, files.folder).href;
  return import(/* @vite-ignore */ /* webpackIgnore: true */ url);
}
