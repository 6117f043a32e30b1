/** The manifest's plan of a model's stages: their order, inputs, outputs and statistics. */

import { TranscriptionError } from "../errors.js";

/** @typedef {import("../manifest.js").Gather} Gather */

export class Plan {
  /** @param {import("../manifest.js").StageFile[]} files of one model, in running order */
  constructor(files) {
    this._files = files;
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
    return this.find(name).halo_frames;
  }

  /** @param {string} name @returns {string[]} what a stage reads */
  inputsOf(name) {
    return this.find(name).inputs.map((one) => one.name);
  }

  /**
   * A stage's statistics of the whole recording, by kind.
   * @param {string} name
   * @param {Gather["kind"]} kind
   * @returns {Gather[]}
   */
  gathersOf(name, kind) {
    return this.find(name).gathers.filter((one) => one.kind === kind);
  }

  /** @param {string} name @param {string} output @returns {number} rows of a value: channels, groups */
  rowsOf(name, output) {
    const shape = this.find(name).outputs.find((one) => one.name === output)?.shape ?? [];
    return sizeOf(shape, 1);
  }

  /**
   * @param {string} name
   * @throws {TranscriptionError} "model" if there is no such stage
   */
  find(name) {
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
 * @param {(number | string)[]} shape
 * @param {number} frames the size of a dimension without a number
 */
export function sizeOf(shape, frames) {
  return shape.reduce((/** @type {number} */ size, n) => size * (typeof n === "string" ? frames : n), 1);
}
