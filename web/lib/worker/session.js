/** onnxruntime-web: loaded from the site itself, on the requested backend if the browser has it. */

import { download } from "./download.js";
import { messageOf, TranscriptionError } from "../errors.js";
import { areRecommended } from "../manifest.js";

/** @typedef {typeof import("onnxruntime-web")} Runtime */
/** @typedef {"wasm" | "webgpu"} Backend of onnxruntime-web */
/** @typedef {{backend: Backend, note: string}} Choice and why it is not what was asked for */

/**
 * @typedef {object} RuntimeFiles where onnxruntime-web is
 * @property {string} [folder] URL of its `dist` folder, ending in "/"
 * @property {ArrayBuffer} [wasm] instead, the WebAssembly binary itself, for a worker whose bundle
 *   has the runtime as `globalThis.onnxruntime`
 */

/**
 * Files of each backend. The CPU's is the 14 MB build: `ort.webgpu` would load 27 MB
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

/** More threads than this do not help networks this small. */
const MOST_THREADS = 4;
/**
 * Milliseconds that threads may take to start, once everything has arrived. In Firefox ESR 153, under
 * a service worker, a thread sometimes never gets its first message, and onnxruntime waits for ever
 * (figures at fetchRuntime). The slowest good start took 2.5 seconds, on two busy cores; this allows
 * for a machine four times slower.
 */
const START_MS = 10_000;

/**
 * The backend to load: the requested one, if the models and the browser allow it. Decided before
 * anything is downloaded, so that nobody waits for a runtime that cannot run.
 *
 * @param {Backend} wanted
 * @param {RuntimeFiles} runtimeFiles
 * @param {Pick<import("../manifest.js").StageFile, "recommended_for">[]} files
 * @returns {Promise<Choice>}
 */
export async function chooseBackend(wanted, runtimeFiles, files) {
  if (wanted === "wasm") return { backend: wanted, note: "" };
  const note = areRecommended(files, wanted)
    ? await webgpuObstacle(runtimeFiles)
    : "this site's models are made for the CPU";
  return { backend: note === "" ? wanted : "wasm", note };
}

/** onnxruntime-web, loaded once for any number of models. */
export class OnnxRuntime {
  /**
   * Load the runtime; if WebGPU's does not load, the CPU's, with a note.
   *
   * @param {object} options
   * @param {RuntimeFiles} options.files
   * @param {Choice} options.choice
   * @param {number} [options.threads] default: as many as the machine and the page's
   *   isolation allow
   * @param {(bytes: number) => void} options.onBytes called with the size of every piece of
   *   WebAssembly that arrives
   * @returns {Promise<OnnxRuntime>}
   * @throws {TranscriptionError} "download" or "runtime"
   */
  static async load({ files, choice, threads, onBytes }) {
    const loaded = new OnnxRuntime(files, threads, onBytes);
    await loaded._load(choice.backend, choice.note);
    return loaded;
  }

  /**
   * @param {RuntimeFiles} files
   * @param {number | undefined} threads
   * @param {(bytes: number) => void} onBytes
   */
  constructor(files, threads, onBytes) {
    this._files = files;
    this._wanted = threads;
    this._onBytes = onBytes;
    /** The backend that runs. @type {Backend} */
    this.backend = "wasm";
    this.threads = 1;
    /** Why it is not the requested one; empty if it is. */
    this.note = "";
    /** Whether threads did not start, so that only one runs. */
    this.stalled = false;
    /** @type {Runtime | null} */
    this._runtime = null;
    this._started = false;
  }

  /**
   * A session of a model; the first starts the runtime. If WebGPU cannot make it, this
   * changes to the CPU; if threads cannot make the first, it changes to one thread.
   *
   * @param {Uint8Array} model
   * @returns {Promise<{runtime: Runtime, session: import("onnxruntime-web").InferenceSession}>}
   * @throws {TranscriptionError} "download" or "runtime"
   */
  async open(model) {
    const runtime = this._runtime;
    if (!runtime) throw new TranscriptionError("runtime", "the runtime has not been loaded");
    try {
      const session = await runtime.InferenceSession.create(model, {
        executionProviders: [this.backend],
        graphOptimizationLevel: "all",
      });
      this._started = true;
      return { runtime, session };
    } catch (error) {
      const { folder } = this._files;
      if (this.backend === "webgpu") await this._load("wasm", messageOf(error));
      else if (folder && this.threads > 1 && !this._started) await this._restart(folder, runtime);
      else throw startError(this.backend, error);
      return this.open(model);
    }
  }

  /** @param {Backend} backend @param {string} [note] */
  async _load(backend, note = "") {
    const { folder, wasm } = this._files;
    try {
      const { runtime, ...parts } = folder
        ? await fetchRuntime(folder, backend, this._onBytes)
        : { runtime: /** @type {any} */ (globalThis).onnxruntime, wasmBinary: wasm };
      this.threads = backend === "webgpu" ? 1 : threadCount(this._wanted);
      runtime.env.logLevel = "error";
      const initTimeout = this.threads > 1 ? START_MS : 0;
      Object.assign(runtime.env.wasm, { numThreads: this.threads, initTimeout, ...parts });
      this._runtime = runtime;
      Object.assign(this, { backend, note });
    } catch (error) {
      if (backend === "webgpu") await this._load("wasm", messageOf(error));
      else throw startError(backend, error);
    }
  }

  /**
   * Start again with one thread, from the same files. The stalled start ends with this worker.
   * @param {string} folder
   * @param {Runtime} stalled
   */
  async _restart(folder, { env }) {
    // A fresh module: one that did not start never will.
    const runtime = await importFrom(folder, `${RUNTIME_FILES.wasm.module}#again`).catch((error) => {
      throw startError("wasm", error);
    });
    runtime.env.logLevel = env.logLevel;
    Object.assign(runtime.env.wasm, env.wasm, { numThreads: 1, initTimeout: 0 });
    Object.assign(this, { threads: 1, stalled: true });
    this._runtime = runtime;
  }
}

/** @param {Backend} backend @param {unknown} error */
function startError(backend, error) {
  if (error instanceof TranscriptionError) return error;
  return new TranscriptionError(
    "runtime",
    `the ${backend} runtime did not start (${messageOf(error)}); ` +
      "reload the page, or try another browser",
    { cause: error },
  );
}

/**
 * Why WebGPU cannot be used here; empty if it can.
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

/**
 * Threads of onnxruntime-web, which wait for each other in a busy loop: more than there are cores cost
 * time. Browsers claim hardware threads, of which a core often has two, and a container or another
 * program may leave fewer (4 threads on 2 cores took 1.6 to 2.1 times as long as 1, Chromium 156,
 * 2026-11): so half of what is claimed, from 2 on. In Firefox one, unless more are asked for: there a
 * worker that starts another may hang for ever (figures in engine/helpers.js).
 * @param {number | undefined} wanted
 * @param {{crossOriginIsolated?: boolean, SharedArrayBuffer?: unknown,
 *   navigator: {hardwareConcurrency?: number, userAgent?: string}}} [scope] WebKitGTK can be isolated and have no
 *   SharedArrayBuffer
 */
export function threadCount(wanted, scope = globalThis) {
  if (!scope.crossOriginIsolated || !scope.SharedArrayBuffer) return 1;
  if (wanted === undefined && /\bFirefox\//.test(scope.navigator.userAgent ?? "")) return 1;
  const claimed = scope.navigator.hardwareConcurrency || 1;
  const useful = Math.max(Math.min(2, claimed), Math.ceil(claimed / 2));
  return Math.max(1, wanted ?? Math.min(MOST_THREADS, useful));
}

/**
 * The runtime's files. onnxruntime-web fetches its WebAssembly itself, streaming into the compiler,
 * and reports no progress: the download here counts bytes, and leaves the file in the browser's
 * cache. Passing the bytes would save the second fetch, but threads then stalled in 15 of 66 starts
 * instead of 1 of 169, in Firefox ESR 153 driven by Playwright under a service worker; in 1 of 96
 * without Playwright (2026-11).
 *
 * @param {string} folder
 * @param {Backend} backend
 * @param {(bytes: number) => void} onBytes
 * @returns {Promise<{runtime: Runtime, wasmPaths: string | {mjs: string, wasm: string}}>}
 */
async function fetchRuntime(folder, backend, onBytes) {
  const { module, glue, wasm } = RUNTIME_FILES[backend];
  const binary = new URL(wasm, folder).href;
  const [mjs, runtime] = await Promise.all([
    keep(new URL(glue, folder).href),
    importFrom(folder, module),
    download(binary, onBytes),
  ]);
  return { runtime, wasmPaths: mjs ? { mjs, wasm: binary } : folder };
}

/** @param {string} folder @param {string} name @returns {Promise<Runtime>} */
function importFrom(folder, name) {
  return import(/* @vite-ignore */ /* webpackIgnore: true */ new URL(name, folder).href);
}

/**
 * A script as a blob of this worker's own, for threads to start from.
 * @param {string} url
 * @returns {Promise<string>} empty if the host's Content-Security-Policy forbids blobs
 */
async function keep(url) {
  const content = await download(url, () => {});
  const blob = URL.createObjectURL(new Blob([content], { type: "text/javascript" }));
  return import(/* @vite-ignore */ /* webpackIgnore: true */ blob).then(
    () => blob,
    () => "",
  );
}
