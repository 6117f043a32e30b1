/** onnxruntime-web: loaded from the site itself, on the backend that was asked for and is there. */

import { messageOf, TranscriptionError } from "./errors.js";

/** @typedef {typeof import("onnxruntime-web")} Runtime */
/** @typedef {"wasm" | "webgpu"} Backend */

/**
 * @typedef {object} RuntimeFiles where onnxruntime-web is
 * @property {string} [folder] URL of its `dist` folder, ending in "/"
 * @property {ArrayBuffer} [wasm] instead, the WebAssembly binary itself, for a worker whose bundle
 *   carries the runtime as `globalThis.onnxruntime`
 */

/**
 * @typedef {object} OpenSession
 * @property {import("onnxruntime-web").InferenceSession} session
 * @property {Runtime} runtime
 * @property {Backend} backend what runs
 * @property {number} threads
 * @property {string} note why it is not what was asked for; empty where it is
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
  }),
  webgpu: Object.freeze({
    module: "ort.webgpu.min.mjs",
    glue: "ort-wasm-simd-threaded.asyncify.mjs",
    wasm: "ort-wasm-simd-threaded.asyncify.wasm",
  }),
});

/** More threads than this gain nothing on networks this small. */
const MOST_THREADS = 4;

/**
 * Start a session; where WebGPU is wanted and cannot be had, on the CPU, with a note.
 *
 * @param {Uint8Array} model
 * @param {{files: RuntimeFiles, backend: Backend, threads?: number}} options threads: as many as
 *   the machine and the page's isolation allow, unless told
 * @returns {Promise<OpenSession>}
 * @throws {TranscriptionError} "runtime"
 */
export async function openSession(model, { files, backend, threads }) {
  if (backend === "webgpu") {
    const obstacle = await webgpuObstacle(files);
    if (obstacle === "") {
      try {
        return await start(model, files, "webgpu", 1, "");
      } catch (error) {
        return start(model, files, "wasm", threadCount(threads), messageOf(error));
      }
    }
    return start(model, files, "wasm", threadCount(threads), obstacle);
  }
  return start(model, files, "wasm", threadCount(threads), "");
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
 * @param {Uint8Array} model
 * @param {RuntimeFiles} files
 * @param {Backend} backend
 * @param {number} threads
 * @param {string} note
 * @returns {Promise<OpenSession>}
 */
async function start(model, files, backend, threads, note) {
  try {
    const runtime = await load(files, backend);
    runtime.env.logLevel = "error";
    runtime.env.wasm.numThreads = threads;
    runtime.env.wasm.wasmBinary = files.wasm;
    runtime.env.wasm.wasmPaths = files.folder;
    const session = await runtime.InferenceSession.create(model, {
      executionProviders: [backend],
      graphOptimizationLevel: "all",
    });
    return { session, runtime, backend, threads, note };
  } catch (error) {
    throw new TranscriptionError(
      "runtime",
      `the ${backend} runtime did not start (${messageOf(error)}); ` +
        "reload the page, or try another browser",
      { cause: error },
    );
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
