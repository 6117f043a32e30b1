/**
 * The energies of a recording, which every pass reads: kept from its beginning on, as far as memory
 * allows, and made from the audio again where it does not.
 */

import { ChunkedRows } from "./chunks.js";
import { BINS } from "./embeddings.js";

/** @typedef {import("./chunks.js").Chunk} Chunk */
/** @typedef {import("./stages.js").Values} Values */

/** Samples of a frame, at the rate of the networks' input. */
const FRAME_SAMPLES = 512;
/** Bytes of a frame's energies. */
export const ENERGY_BYTES = 4 * BINS;

export class Energies {
  /**
   * @param {import("./passes.js").Passes} passes over the recording
   * @param {import("../audio/audio.js").Listener} listener in tune
   * @param {number} keptFrames frames that may be kept
   */
  constructor(passes, listener, keptFrames) {
    this._passes = passes;
    this._listener = listener;
    this._keptFrames = keptFrames;
    this._rows = new ChunkedRows(BINS, passes.frames, passes.chunkFrames);
    this._chunks = passes.chunksOf("ears");
  }

  /**
   * Make all of them once; those that may be kept are.
   * @param {(chunk: Chunk, outputs: Values) => void} take
   */
  async hear(take) {
    const read = (/** @type {Chunk} */ chunk) => this._listen(chunk);
    await this._passes.run("ears", this._chunks, read, (chunk, outputs) => {
      if (chunk.end <= this._keptFrames) this._rows.put(chunk, outputs.energy);
      take(chunk, outputs);
    });
  }

  /**
   * Do a task that reads the energies of chunks.
   * @template T
   * @param {Pick<Chunk, "from" | "to">[]} chunks
   * @param {(read: (chunk: Pick<Chunk, "from" | "to">) => Promise<{energy: Float32Array<ArrayBuffer>}>) => Promise<T>} task
   * @returns {Promise<T>}
   */
  async use(chunks, task) {
    if (chunks.every((chunk) => this._missing(chunk).length === 0)) {
      return task(async ({ from, to }) => ({ energy: this._rows.read(from, to) }));
    }
    return this._passes.stages.use("ears", (run) =>
      task(async (wanted) => {
        for (const chunk of this._missing(wanted)) {
          this._rows.put(chunk, (await run(await this._listen(chunk))).energy);
        }
        return { energy: this._rows.read(wanted.from, wanted.to) };
      }),
    );
  }

  /**
   * A pass of a stage that reads them.
   * @param {string} stage
   * @param {(chunk: Chunk, outputs: Values) => void} take
   */
  async gather(stage, take) {
    const chunks = this._passes.chunksOf(stage);
    const halo = this._passes.stages.haloOf(stage);
    await this.use(chunks, (read) =>
      this._passes.gather(stage, chunks, read, (chunk, outputs) => {
        take(chunk, outputs);
        this.release(chunk.end - halo);
      }),
    );
  }

  /**
   * Free what ends before a frame and may not be kept for the next pass.
   * @param {number} frame
   */
  release(frame) {
    this._rows.drop(this._keptFrames, frame);
  }

  /**
   * Free everything, or what ends before a frame.
   * @param {number} [frame]
   */
  drop(frame = Infinity) {
    this._rows.drop(0, frame);
  }

  /** @param {Pick<Chunk, "from" | "to">} wanted */
  _missing({ from, to }) {
    return this._chunks.filter(
      ({ start, end }, index) => from < end && start < to && !this._rows.has(index),
    );
  }

  /** @param {Chunk} chunk */
  async _listen({ from, to }) {
    const end = to === this._passes.frames ? this._listener.length : to * FRAME_SAMPLES;
    return { audio: await this._listener.read(from * FRAME_SAMPLES, end) };
  }
}

/** @param {import("../audio/audio.js").Listener} listener @returns {number} */
export function countFrames(listener) {
  return Math.ceil(listener.length / FRAME_SAMPLES);
}
