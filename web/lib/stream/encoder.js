/**
 * The embeddings of a recording's spans, through the encoder's stages.
 *
 * Between two norms the encoder's values (`wide`) are eight times the energies: as much as memory
 * allows is kept from the pass that measures the second norm, the rest computed again. Features are
 * gathered for as many spans as fit, so that many spans take several passes over them.
 */

import { ChunkedRows } from "./chunks.js";
import { BINS, CELL_BYTES, Embeddings } from "./embeddings.js";
import { ENERGY_BYTES } from "./energies.js";

/** @typedef {import("./chunks.js").Chunk} Chunk */
/** @typedef {import("./stages.js").Values} Values */

/** Values of a frame before the second norm: eight channels. */
const WIDE_ROWS = 8 * BINS;

export class Encoder {
  /**
   * @param {import("./passes.js").Passes} passes over the recording
   * @param {() => number} keptBytes memory for energies and wide, and again for features
   */
  constructor(passes, keptBytes) {
    this._passes = passes;
    this._stages = passes.stages;
    this._keptBytes = keptBytes;
    /** @type {Embeddings | null} */
    this._embeddings = null;
  }

  /** The embeddings that are kept. */
  get embeddings() {
    return (this._embeddings ??= new Embeddings(this._stages.haloOf("embed")));
  }

  /**
   * Compute and keep the embeddings of spans.
   * @param {import("../notes/spans.js").Span[]} spans
   * @param {import("./energies.js").Energies} energies
   * @throws {import("../errors.js").TranscriptionError}
   */
  async encode(spans, energies) {
    const most = this._keptBytes() / CELL_BYTES;
    const rest = this.embeddings.plan(spans, most);
    while (rest.length > 0) {
      let count = 1;
      let frames = rest[0].frames;
      while (count < rest.length && frames + rest[count].frames <= most) {
        frames += rest[count++].frames;
      }
      await this._encode(rest.splice(0, count), energies);
    }
  }

  /**
   * @param {ReturnType<Embeddings["plan"]>} batches whose features fit
   * @param {import("./energies.js").Energies} energies
   */
  async _encode(batches, energies) {
    const wide = new ChunkedRows(WIDE_ROWS, this._passes.frames, this._passes.chunkFrames);
    const known = this._passes.knows("features");
    if (!known) await this._measureNorms(wide, energies);
    const chunks = this._passes
      .chunksOf("features")
      .filter(
        ({ start, end }) => !known || batches.some((one) => one.start < end && start < one.end),
      );
    const seen = this._stages.haloOf("features");
    const take = (/** @type {Chunk} */ chunk, /** @type {Values} */ outputs) => {
      for (const batch of batches) batch.gather(outputs.features, chunk);
      wide.dropBefore(chunk.end - seen);
      energies.release(chunk.end - seen - this._stages.haloOf("second-norm"));
    };
    await this._widen(wide, energies, chunks, (read) => this._passes.gather("features", chunks, read, take));
    const { feature_mean, feature_variance } = this._passes.whole;
    await this._stages.use("embed", async (run) => {
      for (const batch of batches) {
        const cells = batch.padded(feature_mean, this._passes.frames);
        const { embedding } = await run({ cells, feature_mean, feature_variance });
        this.embeddings.keep(batch, embedding.slice());
      }
    });
  }

  /**
   * Moments of the encoder's first two norms.
   * @param {ChunkedRows} wide where what the second norm gets is kept, as far as memory allows
   * @param {import("./energies.js").Energies} energies
   */
  async _measureNorms(wide, energies) {
    const spare = this._keptBytes() - ENERGY_BYTES * this._passes.frames;
    for (const pass of timbrePasses(this._stages)) {
      if (pass === "features") continue;
      await energies.gather(pass, (chunk, outputs) => {
        if (outputs.wide && 4 * WIDE_ROWS * chunk.end <= spare) wide.put(chunk, outputs.wide);
      });
    }
  }

  /**
   * Do a task that reads what the second norm gets, computed from the energies where it is not kept.
   * @param {ChunkedRows} wide
   * @param {import("./energies.js").Energies} energies
   * @param {Chunk[]} chunks that are read
   * @param {(read: (chunk: Chunk) => Promise<Values>) => Promise<void>} task
   */
  async _widen(wide, energies, chunks, task) {
    const pieces = this._passes
      .chunksOf("second-norm")
      .filter(({ start, end }) => chunks.some(({ from, to }) => start < to && from < end));
    const isMissing = (/** @type {Chunk} */ { start }) => !wide.has(start / this._passes.chunkFrames);
    const missing = pieces.filter(isMissing);
    if (missing.length === 0) return task(async ({ from, to }) => ({ wide: wide.read(from, to) }));
    const shared = this._passes.sharedBy("second-norm");
    await energies.use(missing, (readEnergy) =>
      this._stages.use("second-norm", (run) =>
        task(async ({ from, to }) => {
          for (const piece of missing) {
            if (!(piece.start < to && from < piece.end && isMissing(piece))) continue;
            wide.put(piece, (await run({ ...(await readEnergy(piece)), ...shared })).wide);
          }
          return { wide: wide.read(from, to) };
        }),
      ),
    );
  }
}

/**
 * The passes over the energies that embeddings need, in running order.
 * @param {import("./stages.js").StageRunner} stages
 */
export function timbrePasses(stages) {
  return stages.names.filter((name) => stages.gathersOf(name, "moments").length > 0);
}
