/**
 * The stages of a network: files that each read a bounded neighbourhood, and a few numbers of the
 * whole recording (export/nets/stages.py has what they compute, and why).
 */

import { messageOf, TranscriptionError } from "../errors.js";
import { Plan, sizeOf } from "./plan.js";

/** @typedef {Record<string, Float32Array<ArrayBuffer>>} Values by name */

/**
 * Cost of each stage: milliseconds for ten seconds of audio (the engine in Node 20, one thread of a
 * shared machine, 2026-11). Only the weights of the progress depend on it.
 * @type {Readonly<Record<string, number>>}
 */
export const STAGE_COSTS = Object.freeze({
  ears: 6,
  notes: 31,
  "first-norm": 8,
  "second-norm": 18,
  features: 38,
});

/**
 * Runs the stages of one model: these, or the engine's (engine/stages.js).
 * @typedef {Plan & {
 *   width: number,
 *   use: <T>(name: string, task: (run: (inputs: Values) => Promise<Values>) => Promise<T>) => Promise<T>,
 * }} StageRunner `width`: chunks that are run at a time; as many runs later outputs may be overwritten
 */

/** Opens the stages of one model on onnxruntime-web, one at a time. */
export class Stages extends Plan {
  /**
   * @param {Pick<import("../worker/session.js").OnnxRuntime, "open">} runtime
   * @param {import("../manifest.js").StageFile[]} files
   * @param {Map<string, Uint8Array>} contents by the stages' names
   */
  constructor(runtime, files, contents) {
    super(files);
    this._runtime = runtime;
    this._contents = contents;
    this.width = 1;
  }

  /**
   * Use a stage, and free its memory afterwards.
   * @template T
   * @param {string} name
   * @param {(run: (inputs: Values) => Promise<Values>) => Promise<T>} task
   * @returns {Promise<T>}
   * @throws {TranscriptionError} "runtime", "memory" or "model"
   */
  async use(name, task) {
    const file = this.find(name);
    const content = this._contents.get(name) ?? new Uint8Array(0);
    const { runtime, session } = await this._runtime.open(content);
    try {
      return await task((inputs) => run(runtime, session, file, inputs));
    } finally {
      await session.release();
    }
  }
}

/**
 * @param {import("../worker/session.js").Runtime} runtime
 * @param {import("onnxruntime-web").InferenceSession} session
 * @param {import("../manifest.js").StageFile} file
 * @param {Values} inputs
 * @returns {Promise<Values>}
 */
async function run(runtime, session, file, inputs) {
  /** @type {Record<string, import("onnxruntime-web").Tensor>} */
  const feeds = {};
  for (const { name, shape } of file.inputs) {
    const fixed = sizeOf(shape, 1);
    const dims = shape.map((n) => (typeof n === "string" ? inputs[name].length / fixed : n));
    feeds[name] = new runtime.Tensor("float32", inputs[name], dims);
  }
  let outputs;
  try {
    outputs = await session.run(feeds);
  } catch (error) {
    throw runError(error);
  }
  const frames = outputs[file.outputs[0].name]?.dims.at(-1) ?? 0;
  /** @type {Values} */
  const values = {};
  for (const { name, shape } of file.outputs) {
    const data = /** @type {Float32Array<ArrayBuffer> | undefined} */ (outputs[name]?.data);
    if (data?.length !== sizeOf(shape, frames)) {
      throw new TranscriptionError(
        "model",
        `stage ${file.stage} gave ${data?.length ?? "no"} values of ${name}, ` +
          `${shape.join(" × ")} were expected; run \`make export\` again`,
      );
    }
    values[name] = data;
  }
  return values;
}

/** @param {unknown} error */
function runError(error) {
  const message = messageOf(error);
  // Emscripten's uncaught C++ exceptions arrive as bare numbers; here they are failed allocations.
  if (typeof error === "number" || /bad_?alloc|memory|allocat|out of bounds/i.test(message)) {
    return new TranscriptionError(
      "memory",
      "this browser's memory is full; close other tabs, or try a shorter piece",
      { cause: error },
    );
  }
  return new TranscriptionError("model", `the network failed (${message}); reload the page`, {
    cause: error,
  });
}
