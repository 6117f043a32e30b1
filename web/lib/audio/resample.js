/**
 * Band-limited resampling by a windowed sinc, one set of weights for each phase (Smith, "Digital
 * Audio Resampling", CCRMA), of a whole recording or of any part of it.
 */

import { TranscriptionError } from "../errors.js";

/** Zero crossings of the sinc on either side. */
const ZEROS = 32;
/** Kaiser's β: the stop band lies 100 dB down. */
const BETA = 10;
/** Middle of the transition band, as a part of the lower Nyquist frequency. */
const ROLL_OFF = 0.9;
/** Most phases of a ratio that is not one of whole rates: it is met to a thousandth of a cent. */
const MOST_PHASES = 2048;

/**
 * From one rate to another. Flat to 0.8 of the lower Nyquist frequency; aliases are at least 80 dB
 * down. Parts agree with the whole to the last bit.
 */
export class Resampler {
  /**
   * @param {number} fromHz whole number
   * @param {number} toHz whole number
   * @param {number} [cents] how sharp the recording is: the result is lower and longer by that much
   * @throws {TranscriptionError} "audio", if a rate is invalid
   */
  constructor(fromHz, toHz, cents = 0) {
    for (const rate of [fromHz, toHz]) {
      if (!(Number.isInteger(rate) && rate >= 1000 && rate <= 768000)) {
        throw new TranscriptionError(
          "audio",
          `a sample rate of ${rate} Hz was given; a whole number from 1000 to 768000 is needed`,
        );
      }
    }
    const divisor = greatestCommonDivisor(fromHz, toHz);
    this._up = toHz / divisor;
    this._down = fromHz / divisor;
    if (cents !== 0) {
      const [up, down] = approximate((toHz / fromHz) * 2 ** (cents / 1200), MOST_PHASES);
      Object.assign(this, { _up: up, _down: down });
    }
    /** Factor by which the result is longer than the recording. */
    this.stretch = (this._up * fromHz) / (this._down * toHz);
    const cutoff = Math.min(1, toHz / fromHz) * ROLL_OFF;
    /** Input samples that are read on either side; 0 if the rates are equal. */
    this._half = this._up === this._down ? 0 : Math.ceil(ZEROS / cutoff);
    this._weights = phaseWeights(this._up, cutoff, this._half);
  }

  /** @param {number} length of a recording @returns {number} of the resampled one */
  lengthOf(length) {
    return Math.ceil((length * this._up) / this._down);
  }

  /**
   * The input samples that a part of the output needs.
   * @param {number} start first output sample
   * @param {number} end exclusive
   * @param {number} length of the whole input
   * @returns {{from: number, to: number}} input samples, `to` exclusive
   */
  reach(start, end, length) {
    const first = Math.floor((start * this._down) / this._up) - this._half;
    const last = Math.floor(((end - 1) * this._down) / this._up) + this._half;
    return { from: Math.max(0, Math.min(first, length)), to: Math.min(length, last + 1) };
  }

  /**
   * Output samples `start` to `end`.
   * @param {Float32Array<ArrayBuffer>} samples the range that `reach` returns
   * @param {number} from index of the first of them in the whole input
   * @param {number} start
   * @param {number} end exclusive
   * @returns {Float32Array<ArrayBuffer>} the input itself if the rates are equal
   */
  run(samples, from, start, end) {
    if (this._half === 0) return samples;
    const weights = this._weights;
    const taps = 2 * this._half;
    const result = new Float32Array(end - start);
    let phase = (start * this._down) % this._up;
    // The output sample stands at input position whole + phase / up.
    let whole = (start * this._down - phase) / this._up;
    for (let m = 0; m < result.length; m++) {
      const base = phase * taps;
      const first = whole - this._half + 1 - from;
      // Plain comparisons: Math.max(0, -0) would make every index a double, five times slower.
      const begin = first < 0 ? -first : 0;
      const stop = first + taps > samples.length ? samples.length - first : taps;
      let sum = 0;
      for (let k = begin; k < stop; k++) sum += weights[base + k] * samples[first + k];
      result[m] = sum;
      phase += this._down;
      while (phase >= this._up) {
        phase -= this._up;
        whole++;
      }
    }
    return result;
  }
}

/**
 * For each of `up` phases, the weights of the samples around the position.
 * @param {number} up
 * @param {number} cutoff as a part of the input's Nyquist frequency
 * @param {number} half weights on either side
 */
function phaseWeights(up, cutoff, half) {
  const taps = 2 * half;
  const weights = new Float32Array(up * taps);
  for (let phase = 0; phase < up; phase++) {
    for (let k = 0; k < taps; k++) {
      const x = k - half + 1 - phase / up;
      const inside = 1 - (x / half) ** 2;
      const window = inside > 0 ? bessel(BETA * Math.sqrt(inside)) / bessel(BETA) : 0;
      const angle = Math.PI * cutoff * x;
      weights[phase * taps + k] = cutoff * window * (angle === 0 ? 1 : Math.sin(angle) / angle);
    }
  }
  return weights;
}

/**
 * Modified Bessel function of the first kind, order 0, by its power series.
 * @param {number} x
 */
function bessel(x) {
  let term = 1;
  let sum = 1;
  for (let n = 1; term > 1e-12 * sum; n++) {
    term *= (x / (2 * n)) ** 2;
    sum += term;
  }
  return sum;
}

/**
 * The fraction nearest to a ratio among the convergents of its continued fraction.
 * @param {number} ratio
 * @param {number} most largest numerator
 * @returns {[number, number]} numerator, denominator
 */
function approximate(ratio, most) {
  let [before, now] = [
    [0, 1],
    [1, 0],
  ];
  for (let rest = ratio; ; rest = 1 / (rest - Math.floor(rest))) {
    const whole = Math.floor(rest);
    const next = [whole * now[0] + before[0], whole * now[1] + before[1]];
    if (!(next[0] <= most)) return [now[0], now[1]];
    [before, now] = [now, next];
  }
}

/**
 * @param {number} a
 * @param {number} b
 * @returns {number}
 */
function greatestCommonDivisor(a, b) {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}
