/**
 * A recording of any length through a network in stages, in bounded memory, with the result of the
 * network run on the whole of it at once.
 *
 * Memory for an hour: activations 208 MB, levels 26 MB where timbres may be counted, and features of the
 * spans whose embeddings are needed, 192 bytes per frame of a pitch, gathered in as many passes as
 * bound them; the embeddings are 48 bytes, and stay. Energies would be 312 MB, the encoder's values
 * before its second norm (`wide`) eight times as many: they are kept as far as KEPT_BYTES allows,
 * otherwise computed again in every pass.
 */

import { copyRows } from "./chunks.js";
import { CELL_BYTES } from "./embeddings.js";
import { Encoder } from "./encoder.js";
import { countFrames, Energies, ENERGY_BYTES } from "./energies.js";
import { Levels } from "../timbres/levels.js";
import { Moments } from "./moments.js";
import { PITCHES } from "../notes/notes.js";
import { Noise } from "./noise.js";
import { Passes } from "./passes.js";
import { Tuning } from "./tuning.js";

/**
 * @typedef {object} Activations
 * @property {Float32Array<ArrayBuffer>} onset PITCHES × frames, flat, in [0, 1]
 * @property {Float32Array<ArrayBuffer>} frame PITCHES × frames, flat, in [0, 1]
 * @property {number} frames
 */

/** Frames of a chunk, 6 s: shorter ones repeat more of their halos, longer ones take more memory. */
const CHUNK_FRAMES = 512;
/** Memory for activations and what is kept between passes; half an hour's energies fit. */
const KEPT_BYTES = 256e6;
/** What may be kept at least, however much activations take. */
const LEAST_BYTES = 32e6;
/** Bytes of a frame's activations. */
const ACTIVATION_BYTES = 2 * 4 * PITCHES;
/** The passes that notes need, in running order. */
export const NOTE_PASSES = Object.freeze(["ears", "notes"]);

/** One recording on its way through a network. */
export class Stream {
  /**
   * @param {import("./stages.js").StageRunner} stages
   * @param {import("../audio/audio.js").Listener} listener
   * @param {(pass: string, fraction: number) => Promise<void>} onChunk called and
   *   awaited before each pass and after every chunk; it throws to stop
   * @param {number} [chunkFrames] the result is the same for any
   * @param {number} [keptBytes] of energies, wide and features; the result is the same for any
   */
  constructor(stages, listener, onChunk, chunkFrames = CHUNK_FRAMES, keptBytes = NaN) {
    this._stages = stages;
    this._listener = listener;
    this._passes = new Passes(stages, onChunk, chunkFrames);
    this._wantedBytes = keptBytes;
    /** Whether the recording holds only noise or hum; known if `skipNoise` was set. */
    this.isNoise = false;
    /** How loud semitones are, in tune; known if embeddings follow. @type {Levels | null} */
    this.levels = null;
    this._energies = this._begin();
    this._encoder = new Encoder(this._passes, () => this._keptBytes);
  }

  /** Start again with the listener's current tuning. @returns {Energies} */
  _begin() {
    this._passes.frames = countFrames(this._listener);
    const fits = ENERGY_BYTES * this.frames <= this._keptBytes;
    return new Energies(this._passes, this._listener, fits);
  }

  /** Frames of the recording. */
  get frames() {
    return this._passes.frames;
  }

  /** Memory for what is kept between passes. */
  get _keptBytes() {
    if (this._wantedBytes >= 0) return this._wantedBytes;
    return Math.max(LEAST_BYTES, KEPT_BYTES - ACTIVATION_BYTES * this.frames);
  }

  /** Frames of pitches whose embeddings one pass over the features can give. */
  get passFrames() {
    return Math.floor(this._keptBytes / CELL_BYTES);
  }

  /** The embeddings that are kept. */
  get embeddings() {
    return this._encoder.embeddings;
  }

  /**
   * Onset and frame of the whole recording, each divided by its maximum.
   * @param {object} options
   * @param {boolean} options.keep whether embeddings follow: energies stay
   * @param {boolean} [options.level] whether levels are wanted
   * @param {(activations: Activations, maxima: {onset: number, frame: number}, end: number) => void} [options.onActivations]
   *   called after every chunk with activations up to a frame, not yet divided by their maxima
   * @param {"auto" | number} [options.tuning] how sharp the recording is, in cents; "auto" measures
   *   it, and repeats the first pass if it is not 0
   * @param {boolean} [options.skipNoise] whether to give no activations for noise
   * @returns {Promise<Activations>}
   * @throws {import("../errors.js").TranscriptionError}
   */
  async listen({ keep, level = false, onActivations = () => {}, tuning = 0, skipNoise = false }) {
    if (typeof tuning === "number") this._tune(tuning);
    const changes = await this._measureDeviation(tuning === "auto", skipNoise, level);
    const { frames } = this;
    const size = PITCHES * frames;
    const activations = { onset: new Float32Array(size), frame: new Float32Array(size), frames };
    if (!changes || this.isNoise) {
      this._energies.drop();
      return activations; // no frame differs from another, or all is noise: no notes
    }
    const maxima = { onset: 0, frame: 0 };
    for (const { of, floor } of this._stages.gathersOf("notes", "maximum")) {
      maxima[/** @type {"onset" | "frame"} */ (of[0])] = floor;
    }
    const halo = this._stages.haloOf("notes");
    await this._energies.gather("notes", (chunk, outputs) => {
      for (const name of /** @type {const} */ (["onset", "frame"])) {
        const highest = copyRows(outputs[name], activations[name], PITCHES, chunk);
        maxima[name] = Math.max(maxima[name], highest);
      }
      if (!keep) this._energies.drop(chunk.end - halo);
      onActivations(activations, maxima, chunk.end);
    });
    if (!keep) this._energies.drop();
    for (const name of /** @type {const} */ (["onset", "frame"])) {
      const values = activations[name];
      const highest = maxima[name];
      for (let i = 0; i < values.length; i++) values[i] /= highest;
    }
    return activations;
  }

  /**
   * Compute and keep the embeddings of spans.
   * @param {import("../notes/spans.js").Span[]} spans
   * @throws {import("../errors.js").TranscriptionError}
   */
  async encode(spans) {
    await this._encoder.encode(spans, this._energies);
    this._energies.drop();
  }

  /**
   * Energies of the whole recording, in tune, and the deviation of their sums.
   * @param {boolean} attune whether to bring the recording into tune
   * @param {boolean} doubt whether to test it for noise
   * @param {boolean} level whether levels are wanted
   * @returns {Promise<boolean>} whether there is any
   */
  async _measureDeviation(attune, doubt, level) {
    const [{ of, gives, floor, relative_floor }] = this._stages.gathersOf("ears", "deviation");
    const moments = new Moments(1);
    const heard = new Tuning();
    const noise = new Noise();
    const levels = level ? new Levels(this.frames) : null;
    let largest = floor;
    await this._energies.hear((chunk, outputs) => {
      const { start, end, from, to } = chunk;
      const loudness = outputs[of[0]];
      const { energy } = outputs;
      moments.add(loudness, null, to - from, start - from, end - from);
      if (attune || doubt) heard.add(energy, to - from, start - from, end - from);
      if (doubt) noise.add(energy, to - from, start - from, end - from);
      levels?.add(energy, chunk);
      for (let t = start - from; t < end - from; t++) largest = Math.max(largest, loudness[t]);
    });
    const deviation = moments.count > 1 ? Math.sqrt(moments.unbiasedVariances()[0]) : 0;
    this.isNoise = doubt && noise.isAll(heard.clarity, deviation / moments.means[0]);
    if (attune && !this.isNoise && heard.correction !== 0) {
      this._tune(heard.correction);
      return this._measureDeviation(false, false, level);
    }
    this.levels = levels;
    const least = relative_floor * largest;
    this._passes.whole[gives[0]] = Float32Array.of(Math.max(deviation, least));
    return deviation > least;
  }

  /** @param {number} cents how sharp the recording is */
  _tune(cents) {
    if (cents === this._listener.cents) return;
    this._listener.tune(cents);
    this._energies = this._begin();
  }
}
