/**
 * Any recording → the networks' input: one channel, one rate, one level, finite samples; a piece at
 * a time, so that an hour of audio is in memory only once, in its original form.
 */

import { Resampler } from "./resample.js";

/** Peak under which a recording counts as silent: −120 dB of full scale. */
export const SILENCE = 1e-6;
/** −24 dB of full scale: the level of ordinary recordings. */
const LEVEL_RMS = 0.06;
/** A larger gain would amplify noise into notes. */
const MOST_GAIN = 100;
/** Samples read at a time. */
const PIECE_SAMPLES = 1 << 20;

/** @typedef {AudioBuffer | {samples: Float32Array, rateHz: number}} Audio samples: mono */

/**
 * @typedef {object} Source a recording, wherever it lies
 * @property {number} length samples
 * @property {number} rateHz
 * @property {(from: number, to: number) => Promise<Float32Array<ArrayBuffer>>} read mono samples
 *   `from` to `to`, exclusive, as they were recorded; a copy
 */

/**
 * Set samples that are not finite to zero, in place, and measure the level.
 * @param {Float32Array} samples
 * @returns {{peak: number, squares: number, repaired: number}} largest |sample|; sum of squares;
 *   samples that were NaN or infinite
 */
export function sanitise(samples) {
  let peak = 0;
  let squares = 0;
  let repaired = 0;
  for (let i = 0; i < samples.length; i++) {
    const size = Math.abs(samples[i]);
    if (size < Infinity) {
      peak = Math.max(peak, size);
      squares += size * size;
    } else {
      samples[i] = 0;
      repaired++;
    }
  }
  return { peak, squares, repaired };
}

/** The networks divide by a deviation over frames, of which there must be some. */
const SHORTEST_SAMPLES = 4096;
/**
 * A frame sees 0.08 s to either side, so that in less than twice that the networks see little but the
 * recording's edges: one sample gave 23 notes, a click at the edge of 0.16 s five.
 */
const BRIEF_SAMPLES = 8192;

/** A recording as the networks take it: at their rate and level, piece by piece. */
export class Listener {
  /**
   * Read the whole recording once, to measure it.
   * @param {Source} source
   * @param {number} rateHz the networks'
   * @returns {Promise<Listener>}
   * @throws {import("../errors.js").TranscriptionError} "audio", if a rate is invalid
   */
  static async of(source, rateHz) {
    const resampler = new Resampler(source.rateHz, rateHz);
    let peak = 0;
    let squares = 0;
    let repaired = 0;
    for (let from = 0; from < source.length; from += PIECE_SAMPLES) {
      const piece = await source.read(from, Math.min(source.length, from + PIECE_SAMPLES));
      const found = sanitise(piece);
      peak = Math.max(peak, found.peak);
      squares += found.squares;
      repaired += found.repaired;
    }
    const rms = Math.sqrt(squares / Math.max(1, source.length));
    return new Listener(source, rateHz, resampler, { silent: peak < SILENCE, rms, repaired });
  }

  /**
   * @param {Source} source
   * @param {number} rateHz
   * @param {Resampler} resampler
   * @param {{silent: boolean, rms: number, repaired: number}} found
   */
  constructor(source, rateHz, resampler, { silent, rms, repaired }) {
    this._source = source;
    this._rateHz = rateHz;
    this._resampler = resampler;
    this._gain = gainFor(rms);
    /** Whether the recording is silent. */
    this.silent = silent;
    /** Whether it is too short for notes: under 0.19 s. */
    this.brief = resampler.lengthOf(source.length) < BRIEF_SAMPLES;
    /** Number of samples that were NaN or infinite, and were set to zero. */
    this.repaired = repaired;
    /** Of the recording. */
    this.seconds = source.length / source.rateHz;
    /** How sharp the recording is, which is corrected. */
    this.cents = 0;
  }

  /** Samples at the networks' rate; a short recording is followed by silence. */
  get length() {
    return Math.max(SHORTEST_SAMPLES, this._resampler.lengthOf(this._source.length));
  }

  /** Factor by which the correction makes the recording longer. */
  get stretch() {
    return this._resampler.stretch;
  }

  /**
   * Correct the recording's tuning.
   * @param {number} cents how sharp it is; negative if it is flat
   */
  tune(cents) {
    this._resampler = new Resampler(this._source.rateHz, this._rateHz, cents);
    this.cents = cents;
  }

  /**
   * Samples of the recording, until the next call; zeros past its end.
   * @param {number} start
   * @param {number} end exclusive
   * @returns {Promise<Float32Array<ArrayBuffer>>}
   */
  async read(start, end) {
    const last = Math.min(end, this._resampler.lengthOf(this._source.length));
    const { from, to } = this._resampler.reach(start, last, this._source.length);
    const piece = await this._source.read(from, to);
    if (this.repaired > 0) sanitise(piece);
    for (let i = 0; i < piece.length; i++) piece[i] *= this._gain;
    const heard = this._resampler.run(piece, from, start, last);
    if (last === end) return heard;
    const padded = new Float32Array(end - start);
    padded.set(heard);
    return padded;
  }
}

/**
 * The gain that brings a recording to the level at which the networks work best.
 *
 * They are not scale-invariant: their logarithm has a floor. On eight excerpts of real piano
 * (15 s of each) basicamt's mean note F1 was 0.739 as recorded, 0.596 and 0.288 at a tenth and a
 * thirtieth of the level, and 0.747 at this one, whatever it was before.
 *
 * @param {number} rms of the recording
 */
export function gainFor(rms) {
  return Math.min(LEVEL_RMS / rms, MOST_GAIN);
}
