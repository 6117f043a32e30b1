/** The engine, or where it does not start the app's own onnxruntime-web, for one model. */

import { TranscriptionError } from "../lib/errors.js";
import { hasRelaxedSimd, hasSimd } from "../lib/engine/features.js";
import { EngineModule } from "../lib/engine/module.js";
import { thresholdsOf } from "../lib/manifest.js";
import { Plan } from "../lib/stream/plan.js";

/** @typedef {{path: string, sha256: string}} Part */
/**
 * @typedef {object} Parts what `python -m web notedigger` writes of the manifest
 * @property {import("../lib/manifest.js").StageFile[]} files
 * @property {Part} weights for the engine
 * @property {(Part & {relaxed: boolean})[]} modules of the engine, the fastest first
 * @property {import("../lib/notes/overtones.js").OvertoneWeights} overtones
 */

/** Beside the worker: the parts, and onnxruntime-web 1.18.0 as the app has it. */
const FOLDER = "tiny-amt/";
const RUNTIME = "dist/";

/** @returns {Promise<import("./transcribe.js").Opened>} */
export async function openStages() {
  /** @type {Parts} */
  const parts = JSON.parse(new TextDecoder().decode(await read(PARTS)));
  const { files, overtones } = parts;
  const stages = await openEngine(parts).catch((error) => {
    console.warn("tiny-amt: the engine does not start, so onnxruntime-web runs:", error);
    return openRuntime(files);
  });
  return { stages, thresholds: thresholdsOf(files[0]), overtones };
}

/** The engine in this worker, one stage at a time. */
class Engine extends Plan {
  /** @param {EngineModule} module @param {import("../lib/manifest.js").StageFile[]} files */
  constructor(module, files) {
    super(files);
    this._module = module;
    this.width = 1;
  }

  /**
   * @template T
   * @param {string} name
   * @param {(run: (inputs: import("../lib/engine/module.js").Values) => Promise<import("../lib/engine/module.js").Values>) => Promise<T>} task
   */
  use(name, task) {
    return task(async (inputs) => this._module.look(name, inputs));
  }
}

/** @param {Parts} parts */
async function openEngine({ files, weights, modules }) {
  const relaxed = hasRelaxedSimd();
  const module = modules.find((one) => (one.relaxed ? relaxed : hasSimd()));
  if (!module) throw new Error("this browser's WebAssembly has no SIMD");
  const [code, numbers] = await Promise.all([read(module), read(weights)]);
  return new Engine(await EngineModule.open(await WebAssembly.compile(code), numbers), files);
}

/**
 * @param {import("../lib/manifest.js").StageFile[]} files
 * @returns {Promise<import("../lib/stream/stages.js").StageRunner>}
 */
async function openRuntime(files) {
  const contents = await Promise.all(files.map(read));
  self.importScripts(`${RUNTIME}bundle.min.js`, `${FOLDER}runtime.js`);
  const { ort, makeStages } = /** @type {any} */ (globalThis);
  // On an isolated page it would look for its build with threads, which the app lacks.
  Object.assign(ort.env.wasm, { numThreads: 1, wasmPaths: RUNTIME });
  return makeStages(ort, files, contents);
}

/** @param {Part} part whose hash keeps the browser from answering with an older version's */
async function read({ path, sha256 }) {
  const response = await fetch(`${FOLDER}${path}?${sha256.slice(0, 8)}`);
  if (!response.ok) {
    throw new TranscriptionError("download", `${path} did not arrive: ${response.status}`);
  }
  return new Uint8Array(await response.arrayBuffer());
}
