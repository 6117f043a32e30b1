/**
 * Passes over a recording: each runs one stage, chunk by chunk, and gathers the statistics that it
 * gives of the whole. Which stages there are, what each reads and which statistics it gives are in
 * the manifest (export/nets/stages.py has the figure).
 */

import { planChunks } from "./chunks.js";
import { Moments } from "./moments.js";

/** @typedef {import("./chunks.js").Chunk} Chunk */
/** @typedef {import("./stages.js").Values} Values */

export class Passes {
  /**
   * @param {import("./stages.js").StageRunner} stages
   * @param {(pass: string, fraction: number) => Promise<void>} onChunk called and
   *   awaited before each pass and after every chunk; it throws to stop
   * @param {number} chunkFrames
   */
  constructor(stages, onChunk, chunkFrames) {
    this.stages = stages;
    this.chunkFrames = chunkFrames;
    this._onChunk = onChunk;
    /** Frames of the recording. */
    this.frames = 0;
    /** @type {Values} what stages read of the whole recording: one number, or one per group */
    this.whole = {};
  }

  /** @param {string} stage */
  chunksOf(stage) {
    return planChunks(this.frames, this.chunkFrames, this.stages.haloOf(stage));
  }

  /** @param {string} stage @returns {Values} what it reads of the whole recording */
  sharedBy(stage) {
    const names = this.stages.inputsOf(stage).filter((name) => name in this.whole);
    return Object.fromEntries(names.map((name) => [name, this.whole[name]]));
  }

  /** @param {string} stage whether the moments that it gives are known */
  knows(stage) {
    return this.stages.gathersOf(stage, "moments").every(({ gives }) => gives[0] in this.whole);
  }

  /**
   * Run a stage, and gather the moments that are not known yet.
   * @param {string} stage
   * @param {Chunk[]} chunks all of the recording's, where there are moments to gather
   * @param {(chunk: Chunk) => Promise<Values>} readFrames
   * @param {(chunk: Chunk, outputs: Values) => void} take
   */
  async gather(stage, chunks, readFrames, take) {
    const shared = this.sharedBy(stage);
    const read = async (/** @type {Chunk} */ chunk) => ({ ...(await readFrames(chunk)), ...shared });
    const unknown = this.stages
      .gathersOf(stage, "moments")
      .filter(({ gives }) => !(gives[0] in this.whole))
      .map(({ of: [means, variances], gives, values }) => {
        const moments = new Moments(this.stages.rowsOf(stage, means));
        return { means, variances, gives, values, moments };
      });
    await this.run(stage, chunks, read, (chunk, outputs) => {
      const { start, end, from, to } = chunk;
      for (const { means, variances, moments } of unknown) {
        moments.add(outputs[means], outputs[variances], to - from, start - from, end - from);
      }
      take(chunk, outputs);
    });
    for (const { gives, values, moments } of unknown) {
      const variances = values ? moments.unbiasedVariances(values) : moments.variances;
      this.whole[gives[0]] = Float32Array.from(moments.means);
      this.whole[gives[1]] = Float32Array.from(variances);
    }
  }

  /**
   * Run a stage; outputs are taken in the order of the chunks.
   * @param {string} stage
   * @param {Chunk[]} chunks
   * @param {(chunk: Chunk) => Promise<Values>} read
   * @param {(chunk: Chunk, outputs: Values) => void} take
   */
  async run(stage, chunks, read, take) {
    await this._onChunk(stage, 0);
    await this.stages.use(stage, async (run) => {
      /** @type {Promise<Values>[]} outputs of the next chunks, in order */
      const running = [];
      let taken = 0;
      const takeNext = async () => {
        take(chunks[taken], await /** @type {Promise<Values>} */ (running.shift()));
        await this._onChunk(stage, ++taken / chunks.length);
      };
      for (const chunk of chunks) {
        const outputs = run(await read(chunk));
        outputs.catch(() => {}); // thrown when it is this chunk's turn
        running.push(outputs);
        if (running.length >= this.stages.width) await takeNext();
      }
      while (running.length > 0) await takeNext();
    });
  }
}
