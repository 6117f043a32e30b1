/**
 * A recording of any length through a network in stages, in bounded memory, with the result of the
 * network run on the whole of it at once.
 *
 * Every pass runs one stage over the recording, chunk by chunk. Which stages there are, what each
 * reads and which statistics it gives are in the manifest (export/nets/stages.py has
 * the figure). Kept between passes are energies, activations, and features where embeddings are
 * wanted.
 *
 * Memory for an hour: energies 312 MB, until the last pass has used them; activations 208 MB;
 * features and then embeddings of the spans needed, 192 and 48 bytes per frame of a pitch. Between
 * two norms the encoder's values are ten times the energies: those before its second norm are kept
 * for the first minutes (WIDE_BYTES), the others are computed again in every pass. Embeddings needed
 * later (after thresholds moved far) are computed from the audio again.
 */

import { ChunkedRows, copyRows, planChunks } from "./chunks.js";
import { BINS, Embeddings } from "./embeddings.js";
import { Moments } from "./moments.js";
import { PITCHES } from "../notes/notes.js";
import { Noise } from "./noise.js";
import { Tuning } from "./tuning.js";

/**
 * @typedef {object} Activations
 * @property {Float32Array<ArrayBuffer>} onset PITCHES × frames, flat, in [0, 1]
 * @property {Float32Array<ArrayBuffer>} frame PITCHES × frames, flat, in [0, 1]
 * @property {number} frames
 */

/** @typedef {import("./chunks.js").Chunk} Chunk */
/** @typedef {import("./stages.js").Values} Values */

/** Frames of a chunk, 6 s: shorter ones repeat more of their halos, longer ones take more memory. */
const CHUNK_FRAMES = 512;
/** Values of a frame before the encoder's second norm: eight channels. */
const WIDE_ROWS = 8 * BINS;
/** How much of them is kept until the features need it: three minutes. */
const WIDE_BYTES = 128e6;
/** The passes that notes need, in running order. */
export const NOTE_PASSES = Object.freeze(["ears", "notes"]);
/** Samples of a frame, at the rate of the networks' input. */
const FRAME_SAMPLES = 512;

/** One recording on its way through a network. */
export class Stream {
  /**
   * @param {import("./stages.js").StageRunner} stages
   * @param {import("../audio/audio.js").Listener} listener
   * @param {(pass: string, fraction: number) => Promise<void>} onChunk called and
   *   awaited before each pass and after every chunk; it throws to stop
   * @param {number} [chunkFrames] the result is the same for any
   */
  constructor(stages, listener, onChunk, chunkFrames = CHUNK_FRAMES) {
    this._stages = stages;
    this._listener = listener;
    this._onChunk = onChunk;
    this._chunkFrames = chunkFrames;
    this._samples = 0;
    /** Frames of the recording. */
    this.frames = 0;
    this._energies = new ChunkedRows(BINS, 0, chunkFrames);
    this._wide = new ChunkedRows(WIDE_ROWS, 0, chunkFrames);
    /** Whether the recording holds only noise or hum; known if `skipNoise` was set. */
    this.isNoise = false;
    this._begin();
    /** @type {Values} inputs of stages besides the energies: one number, or one per group */
    this._whole = {};
    /** @type {Embeddings | null} */
    this._embeddings = null;
  }

  /** Start again with the listener's current tuning. */
  _begin() {
    this._samples = this._listener.length;
    this.frames = Math.ceil(this._samples / FRAME_SAMPLES);
    this._energies = new ChunkedRows(BINS, this.frames, this._chunkFrames);
    this._wide = new ChunkedRows(WIDE_ROWS, this.frames, this._chunkFrames);
  }

  /** The embeddings that are kept. */
  get embeddings() {
    return (this._embeddings ??= new Embeddings(this._stages.haloOf("embed")));
  }

  /**
   * Onset and frame of the whole recording, each divided by its maximum.
   * @param {object} options
   * @param {boolean} options.keep whether embeddings follow: the energies stay
   * @param {(activations: Activations, maxima: {onset: number, frame: number}, end: number) => void} [options.onActivations]
   *   called after every chunk with activations up to a frame, not yet divided by their maxima
   * @param {"auto" | number} [options.tuning] how sharp the recording is, in cents; "auto" measures
   *   it, and repeats the first pass if it is not 0
   * @param {boolean} [options.skipNoise] whether to give no activations for noise
   * @returns {Promise<Activations>}
   * @throws {import("../errors.js").TranscriptionError}
   */
  async listen({ keep, onActivations = () => {}, tuning = 0, skipNoise = false }) {
    if (typeof tuning === "number") this._tune(tuning);
    const changes = await this._measureDeviation(tuning === "auto", skipNoise);
    const { frames } = this;
    const size = PITCHES * frames;
    const activations = { onset: new Float32Array(size), frame: new Float32Array(size), frames };
    if (!changes || this.isNoise) {
      this._energies.dropBefore(Infinity);
      return activations; // no frame differs from another, or all is noise: no notes
    }
    const maxima = { onset: 0, frame: 0 };
    for (const { of, floor } of this._stages.gathersOf("notes", "maximum")) {
      maxima[/** @type {"onset" | "frame"} */ (of[0])] = floor;
    }
    await this._pass("notes", this._chunks("notes"), (chunk, outputs) => {
      for (const name of /** @type {const} */ (["onset", "frame"])) {
        const highest = copyRows(outputs[name], activations[name], PITCHES, chunk);
        maxima[name] = Math.max(maxima[name], highest);
      }
      if (!keep) this._energies.dropBefore(chunk.end - this._stages.haloOf("notes"));
      onActivations(activations, maxima, chunk.end);
    });
    if (!keep) this._energies.dropBefore(Infinity);
    for (const name of /** @type {const} */ (["onset", "frame"])) {
      const values = activations[name];
      for (let i = 0; i < values.length; i++) values[i] /= maxima[name];
    }
    return activations;
  }

  /**
   * Compute and keep the embeddings of spans.
   * @param {import("../notes/spans.js").Span[]} spans
   * @throws {import("../errors.js").TranscriptionError}
   */
  async encode(spans) {
    if (spans.length === 0) return this._energies.dropBefore(Infinity);
    const batches = this.embeddings.plan(spans);
    const last = "features";
    const known = this._stages.gathersOf(last, "moments").every(({ gives }) => gives[0] in this._whole);
    const chunks = this._chunks(last).filter(
      ({ start, end }) => !known || batches.some((batch) => batch.start < end && start < batch.end),
    );
    const widened = this._chunks("second-norm").filter(({ start, end }) =>
      chunks.some(({ from, to }) => start < to && from < end),
    );
    await this._hear(widened);
    for (const pass of timbrePasses(this._stages)) {
      if (pass !== last && !known) await this._pass(pass, this._chunks(pass), this._keepWide);
    }
    const seen = this._stages.haloOf(last);
    const heard = seen + this._stages.haloOf("second-norm");
    const isMissing = (/** @type {Chunk} */ { start }) => !this._wide.has(start / this._chunkFrames);
    const runLast = async (/** @type {(inputs: Values) => Promise<Values>} */ widen) => {
      const shared = this._sharedBy("second-norm");
      const read = async (/** @type {Chunk} */ { from, to }) => {
        for (const chunk of widened) {
          if (chunk.start < to && from < chunk.end && isMissing(chunk)) {
            const energy = this._energies.read(chunk.from, chunk.to);
            this._wide.put(chunk, (await widen({ energy, ...shared })).wide);
          }
        }
        return { wide: this._wide.read(from, to) };
      };
      const take = (/** @type {Chunk} */ chunk, /** @type {Values} */ outputs) => {
        for (const batch of batches) batch.gather(outputs.features, chunk);
        this._wide.dropBefore(chunk.end - seen);
        this._energies.dropBefore(chunk.end - heard);
      };
      await this._pass(last, chunks, take, read);
    };
    if (widened.some(isMissing)) await this._stages.use("second-norm", runLast);
    else await runLast(() => Promise.reject(new Error("everything is kept")));
    this._wide.dropBefore(Infinity);
    this._energies.dropBefore(Infinity);
    const { feature_mean, feature_variance } = this._whole;
    await this._stages.use("embed", async (run) => {
      for (const batch of batches) {
        const cells = batch.padded(feature_mean, this.frames);
        const { embedding } = await run({ cells, feature_mean, feature_variance });
        this.embeddings.keep(batch, embedding);
      }
    });
  }

  /**
   * Energies of the whole recording, in tune, and the deviation of their sums.
   * @param {boolean} attune whether to bring the recording into tune
   * @param {boolean} doubt whether to test it for noise
   * @returns {Promise<boolean>} whether there is any
   */
  async _measureDeviation(attune, doubt) {
    const [{ of, gives, floor, relative_floor }] = this._stages.gathersOf("ears", "deviation");
    const moments = new Moments(1);
    const heard = new Tuning();
    const noise = new Noise();
    let largest = floor;
    await this._hear(this._chunks("ears"), ({ start, end, from, to }, outputs) => {
      const loudness = outputs[of[0]];
      const { energy } = outputs;
      moments.add(loudness, null, to - from, start - from, end - from);
      if (attune || doubt) heard.add(energy, to - from, start - from, end - from);
      if (doubt) noise.add(energy, to - from, start - from, end - from);
      for (let t = start - from; t < end - from; t++) largest = Math.max(largest, loudness[t]);
    });
    const deviation = moments.count > 1 ? Math.sqrt(moments.unbiasedVariances()[0]) : 0;
    this.isNoise = doubt && noise.isAll(heard.clarity, deviation / moments.means[0]);
    if (attune && !this.isNoise && heard.correction !== 0) {
      this._tune(heard.correction);
      return this._measureDeviation(false, false);
    }
    const least = relative_floor * largest;
    this._whole[gives[0]] = Float32Array.of(Math.max(deviation, least));
    return deviation > least;
  }

  /** @param {number} cents how sharp the recording is */
  _tune(cents) {
    if (cents === this._listener.cents) return;
    this._listener.tune(cents);
    this._begin();
  }

  /**
   * Compute the energies that chunks read, unless they are kept.
   * @param {Chunk[]} wanted
   * @param {(chunk: Chunk, outputs: Values) => void} [take]
   */
  async _hear(wanted, take = () => {}) {
    const halo = this._stages.haloOf("ears");
    const chunks = planChunks(this.frames, this._chunkFrames, halo).filter(
      ({ start, end }, index) =>
        !this._energies.has(index) && wanted.some(({ from, to }) => from < end && start < to),
    );
    if (chunks.length === 0) return;
    const read = async (/** @type {Chunk} */ { from, to }) => {
      const end = to === this.frames ? this._samples : to * FRAME_SAMPLES;
      return { audio: await this._listener.read(from * FRAME_SAMPLES, end) };
    };
    await this._run("ears", chunks, read, (chunk, outputs) => {
      this._energies.put(chunk, outputs.energy);
      take(chunk, outputs);
    });
  }

  /** @param {string} stage */
  _chunks(stage) {
    return planChunks(this.frames, this._chunkFrames, this._stages.haloOf(stage));
  }

  /** Keep what features will be made of, up to WIDE_BYTES. */
  _keepWide = (/** @type {Chunk} */ chunk, /** @type {Values} */ { wide }) => {
    if (wide && 4 * WIDE_ROWS * chunk.end <= WIDE_BYTES) this._wide.put(chunk, wide);
  };

  /** @param {string} stage @returns {Values} what it reads of the whole recording */
  _sharedBy(stage) {
    const names = this._stages.inputsOf(stage).filter((name) => name in this._whole);
    return Object.fromEntries(names.map((name) => [name, this._whole[name]]));
  }

  /**
   * Run a stage, and gather the moments that are not known yet.
   * @param {string} stage
   * @param {Chunk[]} chunks all of the recording's, where there are moments to gather
   * @param {(chunk: Chunk, outputs: Values) => void} take
   * @param {(chunk: Chunk) => Promise<Values>} [readFrames] default: the energies
   */
  async _pass(
    stage,
    chunks,
    take,
    readFrames = async ({ from, to }) => ({ energy: this._energies.read(from, to) }),
  ) {
    const shared = this._sharedBy(stage);
    const read = async (/** @type {Chunk} */ chunk) => ({ ...(await readFrames(chunk)), ...shared });
    const unknown = this._stages
      .gathersOf(stage, "moments")
      .filter(({ gives }) => !(gives[0] in this._whole))
      .map(({ of: [means, variances], gives, values }) => {
        const moments = new Moments(this._stages.rowsOf(stage, means));
        return { means, variances, gives, values, moments };
      });
    await this._run(stage, chunks, read, (chunk, outputs) => {
      const { start, end, from, to } = chunk;
      for (const { means, variances, moments } of unknown) {
        moments.add(outputs[means], outputs[variances], to - from, start - from, end - from);
      }
      take(chunk, outputs);
    });
    for (const { gives, values, moments } of unknown) {
      const variances = values ? moments.unbiasedVariances(values) : moments.variances;
      this._whole[gives[0]] = Float32Array.from(moments.means);
      this._whole[gives[1]] = Float32Array.from(variances);
    }
  }

  /**
   * @param {string} stage
   * @param {Chunk[]} chunks
   * @param {(chunk: Chunk) => Promise<Values>} read
   * @param {(chunk: Chunk, outputs: Values) => void} take
   */
  async _run(stage, chunks, read, take) {
    await this._onChunk(stage, 0);
    await this._stages.use(stage, async (run) => {
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
        if (running.length >= this._stages.width) await takeNext();
      }
      while (running.length > 0) await takeNext();
    });
  }
}

/**
 * The passes over the energies that embeddings need, in running order.
 * @param {import("./stages.js").StageRunner} stages
 */
export function timbrePasses(stages) {
  return stages.names.filter((name) => stages.gathersOf(name, "moments").length > 0);
}
