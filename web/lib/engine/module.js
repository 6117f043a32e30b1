/**
 * The engine: both networks as one small WebAssembly module (web/engine), stage by stage.
 *
 * A module holds one model and runs one stage at a time. Its memory is 5 MB and the inputs and
 * outputs of the largest chunk so far.
 */

import { messageOf, TranscriptionError } from "../errors.js";

/** @typedef {Record<string, Float32Array<ArrayBuffer>>} Values by name */

/** Bytes of a WebAssembly page. */
const PAGE = 65536;
/** Alignment of every array, in bytes. */
const ALIGNMENT = 64;
/** Reasons for which a module refuses weights, by its return value (engine.c). */
const REFUSALS = Object.freeze([
  "",
  "they are not weights of the engine",
  "they are of another version than the engine",
  "their length differs from the one in their header",
  "they are damaged",
]);
/** Samples of a frame at 44 100 Hz. */
const FRAME_SAMPLES = 512;

/**
 * Inputs and outputs of a stage: rows of arrays over the frames, in order.
 * @typedef {object} StageShape
 * @property {string} export the module's function
 * @property {string} long the input whose length gives the number of frames
 * @property {number} rows of it
 * @property {string[]} numbers inputs passed as a number
 * @property {string[]} moments inputs passed as arrays
 * @property {[string, number][]} outputs and their rows, in the order of the function's arguments
 */

/** @type {Readonly<Record<string, StageShape>>} */
const STAGES = Object.freeze({
  notes: {
    export: "notes",
    long: "energy",
    rows: 252,
    numbers: ["deviation"],
    moments: [],
    outputs: [
      ["onset", 84],
      ["frame", 84],
    ],
  },
  "first-norm": {
    export: "first_norm",
    long: "energy",
    rows: 252,
    numbers: ["deviation"],
    moments: [],
    outputs: [
      ["first_means", 4],
      ["first_variances", 4],
    ],
  },
  "second-norm": {
    export: "second_norm",
    long: "energy",
    rows: 252,
    numbers: ["deviation"],
    moments: ["first_mean", "first_variance"],
    outputs: [
      ["second_means", 2],
      ["second_variances", 2],
      ["wide", 8 * 252],
    ],
  },
  features: {
    export: "features",
    long: "wide",
    rows: 8 * 252,
    numbers: [],
    moments: ["second_mean", "second_variance"],
    outputs: [
      ["features", 16 * 252],
      ["feature_means", 16],
      ["feature_variances", 16],
    ],
  },
  embed: {
    export: "embed",
    long: "cells",
    rows: 16 * 3,
    numbers: [],
    moments: ["feature_mean", "feature_variance"],
    outputs: [["embedding", 12]],
  },
});

/** A model in WebAssembly. */
export class EngineModule {
  /**
   * @param {WebAssembly.Module} module
   * @param {Uint8Array} weights a model's `.engine` file
   * @returns {Promise<EngineModule>}
   * @throws {TranscriptionError} "model" if the weights are not for this module
   */
  static async open(module, weights) {
    return new EngineModule(await WebAssembly.instantiate(module), weights);
  }

  /**
   * @param {WebAssembly.Instance} instance
   * @param {Uint8Array} weights
   */
  constructor({ exports }, weights) {
    this._exports = /** @type {Record<string, (...args: number[]) => number>} */ (exports);
    /** @type {WebAssembly.Memory} */
    this.memory = /** @type {any} */ (exports).memory;
    this._top = this._exports.heap();
    const at = this._take(weights.byteLength);
    new Uint8Array(this.memory.buffer, at).set(weights);
    const refusal = this._exports.open(at, weights.byteLength);
    if (refusal !== 0) {
      throw new TranscriptionError(
        "model",
        `the engine cannot use its weights: ${REFUSALS[refusal]}; run \`make export\` again`,
      );
    }
    /** Address of a run's first array. */
    this._base = this._top;
  }

  /**
   * @param {string} stage
   * @param {Values} inputs
   * @returns {Values}
   * @throws {TranscriptionError} "memory"
   */
  run(stage, inputs) {
    const outputs = Object.entries(this.look(stage, inputs));
    return Object.fromEntries(outputs.map(([name, values]) => [name, values.slice()]));
  }

  /**
   * The same without a copy: the outputs are the module's own memory, until its next run.
   * @param {string} stage
   * @param {Values} inputs
   * @returns {Values}
   * @throws {TranscriptionError} "memory"
   */
  look(stage, inputs) {
    this._top = this._base;
    try {
      return stage === "ears" ? this._hear(inputs) : this._compute(STAGES[stage], inputs);
    } catch (error) {
      if (error instanceof TranscriptionError) throw error;
      throw new TranscriptionError("model", `the engine failed (${messageOf(error)}); reload the page`, {
        cause: error,
      });
    }
  }

  /** @param {Values} inputs audio at 44 100 Hz @returns {Values} */
  _hear({ audio }) {
    const frames = Math.ceil(audio.length / FRAME_SAMPLES);
    const from = this._put(audio);
    const energy = this._room(252 * frames);
    const loudness = this._room(frames);
    const scratch = this._take(this._exports.ears_scratch_bytes(audio.length));
    this._exports.ears(from, audio.length, energy, loudness, scratch);
    return { energy: this._get(energy, 252 * frames), loudness: this._get(loudness, frames) };
  }

  /** @param {StageShape} shape @param {Values} inputs @returns {Values} */
  _compute(shape, inputs) {
    const frames = inputs[shape.long].length / shape.rows;
    const from = this._put(inputs[shape.long]);
    const numbers = shape.numbers.map((name) => inputs[name][0]);
    const moments = shape.moments.map((name) => this._put(inputs[name]));
    const outputs = shape.outputs.map(([, rows]) => this._room(rows * frames));
    this._exports[shape.export](from, frames, ...numbers, ...moments, ...outputs);
    return Object.fromEntries(
      shape.outputs.map(([name, rows], i) => [name, this._get(outputs[i], rows * frames)]),
    );
  }

  /** @param {number} bytes @returns {number} address */
  _take(bytes) {
    const at = this._top;
    this._top = Math.ceil((at + bytes) / ALIGNMENT) * ALIGNMENT;
    const missing = Math.ceil((this._top - this.memory.buffer.byteLength) / PAGE);
    if (missing > 0) {
      try {
        this.memory.grow(missing);
      } catch (error) {
        throw new TranscriptionError(
          "memory",
          "this browser's memory is full; close other tabs, or try a shorter piece",
          { cause: error },
        );
      }
    }
    return at;
  }

  /** @param {number} length of floats */
  _room(length) {
    return this._take(4 * length);
  }

  /** @param {Float32Array} values */
  _put(values) {
    const at = this._room(values.length);
    new Float32Array(this.memory.buffer, at, values.length).set(values);
    return at;
  }

  /** @param {number} at @param {number} length @returns {Float32Array<ArrayBuffer>} */
  _get(at, length) {
    return new Float32Array(this.memory.buffer, at, length);
  }
}
