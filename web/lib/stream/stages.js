/**
 * The stages of a network: files that each read a bounded neighbourhood, and a few numbers of the
 * whole recording (export/nets/stages.py has what they compute, and why).
 */

import { messageOf, TranscriptionError } from "../errors.js";

/** @typedef {Record<string, Float32Array<ArrayBuffer>>} Values by name */
/** @typedef {import("../manifest.js").Gather} Gather */

/**
 * Cost of each stage: milliseconds for a second of audio (onnxruntime-web 1.30.0 in Node, one thread
 * of a shared machine, 2026-11). Only the weights of the progress depend on it.
 * @type {Readonly<Record<string, number>>}
 */
export const STAGE_COSTS = Object.freeze({
  ears: 10,
  notes: 100,
  "first-norm": 20,
  "second-norm": 75,
  features: 115,
});

/** Opens the stages of one model, one at a time. */
export class Stages {
  /**
   * @param {import("../worker/session.js").Engine} engine
   * @param {import("../manifest.js").StageFile[]} files
   * @param {Map<string, Uint8Array>} contents by the stages' names
   */
  constructor(engine, files, contents) {
    this._engine = engine;
    this._files = files;
    this._contents = contents;
  }

  /** The stages' names, in running order. */
  get names() {
    return this._files.map((one) => one.stage);
  }

  /** @param {string} name */
  has(name) {
    return this.names.includes(name);
  }

  /** @param {string} name @returns {number} frames that a stage reads to either side */
  haloOf(name) {
    return this._find(name).halo_frames;
  }

  /** @param {string} name @returns {string[]} what a stage reads */
  inputsOf(name) {
    return this._find(name).inputs.map((one) => one.name);
  }

  /**
   * A stage's statistics of the whole recording, by kind.
   * @param {string} name
   * @param {Gather["kind"]} kind
   * @returns {Gather[]}
   */
  gathersOf(name, kind) {
    return this._find(name).gathers.filter((one) => one.kind === kind);
  }

  /** @param {string} name @param {string} output @returns {number} rows of a value: channels, groups */
  rowsOf(name, output) {
    const shape = this._find(name).outputs.find((one) => one.name === output)?.shape ?? [];
    return sizeOf(shape, 1);
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
    const file = this._find(name);
    const content = this._contents.get(name) ?? new Uint8Array(0);
    const { runtime, session } = await this._engine.open(content);
    try {
      return await task((inputs) => run(runtime, session, file, inputs));
    } finally {
      await session.release();
    }
  }

  /** @param {string} name */
  _find(name) {
    const file = this._files.find((one) => one.stage === name);
    if (!file) {
      throw new TranscriptionError(
        "model",
        `this model has no stage ${name}; run \`make export\` again`,
      );
    }
    return file;
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

/**
 * @param {(number | string)[]} shape
 * @param {number} frames the size of a dimension without a number
 */
function sizeOf(shape, frames) {
  return shape.reduce((/** @type {number} */ size, n) => size * (typeof n === "string" ? frames : n), 1);
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
