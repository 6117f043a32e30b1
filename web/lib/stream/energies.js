/**
 * The energies of a recording, which every pass reads: kept if memory allows, otherwise made from
 * the audio again in each.
 */

import { ChunkedRows } from "./chunks.js";
import { BINS } from "./embeddings.js";

/** @typedef {import("./chunks.js").Chunk} Chunk */
/** @typedef {import("./stages.js").Values} Values */

/** Samples of a frame, at the rate of the networks' input. */
const FRAME_SAMPLES = 512;
/** Chunks that are made again at a time: each needs the audio far to either side. */
const AT_ONCE = 2;
/** Bytes of a frame's energies. */
export const ENERGY_BYTES = 4 * BINS;

export class Energies {
  /**
   * @param {import("./passes.js").Passes} passes over the recording
   * @param {import("../audio/audio.js").Listener} listener in tune
   * @param {boolean} kept whether they are kept from pass to pass
   */
  constructor(passes, listener, kept) {
    this._passes = passes;
    this._listener = listener;
    this._kept = kept;
    this._rows = new ChunkedRows(BINS, passes.frames, passes.chunkFrames);
    this._chunks = passes.chunksOf("ears");
  }

  /**
   * Make all of them once.
   * @param {(chunk: Chunk, outputs: Values) => void} take
   */
  async hear(take) {
    const read = (/** @type {Chunk} */ chunk) => this._listen(chunk);
    await this._passes.run("ears", this._chunks, read, (chunk, outputs) => {
      if (this._kept) this._rows.put(chunk, outputs.energy);
      take(chunk, outputs);
    });
  }

  /**
   * Do a task that reads the energies of chunks, in order.
   * @template T
   * @param {Pick<Chunk, "from" | "to">[]} chunks
   * @param {(read: (chunk: Pick<Chunk, "from" | "to">) => Promise<{energy: Float32Array<ArrayBuffer>}>) => Promise<T>} task
   * @returns {Promise<T>}
   */
  async use(chunks, task) {
    const missing = this._chunks.filter(
      ({ start, end }, index) =>
        !this._rows.has(index) && chunks.some(({ from, to }) => from < end && start < to),
    );
    if (missing.length === 0) {
      return task(async ({ from, to }) => ({ energy: this._rows.read(from, to) }));
    }
    return this._passes.stages.use("ears", (run) =>
      task(async ({ from, to }) => {
        while (missing.length > 0 && missing[0].start < to) {
          let count = 1;
          while (count < AT_ONCE && missing[count]?.start === missing[count - 1].end) count++;
          await this._make(run, missing.splice(0, count));
        }
        return { energy: this._rows.read(from, to) };
      }),
    );
  }

  /**
   * Make the energies of chunks that follow one another.
   * @param {(inputs: Values) => Promise<Values>} run
   * @param {Chunk[]} chunks
   */
  async _make(run, chunks) {
    const [{ start, from }, { end, to }] = [chunks[0], chunks[chunks.length - 1]];
    const { energy } = await run(await this._listen({ start, end, from, to }));
    for (const chunk of chunks) this._rows.put({ ...chunk, from, to }, energy);
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
   * Free what ends before a frame, unless it is kept for the next pass.
   * @param {number} frame
   */
  release(frame) {
    if (!this._kept) this.drop(frame);
  }

  /**
   * Free everything, or what ends before a frame.
   * @param {number} [frame]
   */
  drop(frame = Infinity) {
    this._rows.dropBefore(frame);
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
