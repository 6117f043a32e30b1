/**
 * Any recording → what the networks take: one channel, one rate, finite samples.
 */

import { TranscriptionError } from "./errors.js";

/** Zero crossings of the sinc on either side. */
const ZEROS = 32;
/** Kaiser's β: the stop band lies 100 dB down. */
const BETA = 10;
/** Middle of the transition band, as a part of the lower Nyquist frequency. */
const ROLL_OFF = 0.9;
/** Peak under which a recording counts as silent: −120 dB of full scale. */
export const SILENCE = 1e-6;
/** −24 dB of full scale: the level of ordinary recordings. */
const LEVEL_RMS = 0.06;
/** More than this would make music of a microphone's noise. */
const MOST_GAIN = 100;
/** Samples that are mixed before the page gets a turn. */
const SLICE_SAMPLES = 1 << 20;

/**
 * The mean of the channels.
 *
 * Yields to the event loop between slices, so that a page with an hour of audio stays alive.
 *
 * @param {AudioBuffer} buffer
 * @returns {Promise<Float32Array<ArrayBuffer>>} at the buffer's rate
 */
export async function mixToMono(buffer) {
  const mono = new Float32Array(buffer.length);
  const part = new Float32Array(Math.min(SLICE_SAMPLES, buffer.length));
  for (let start = 0; start < mono.length; start += SLICE_SAMPLES) {
    const end = Math.min(mono.length, start + SLICE_SAMPLES);
    for (let c = 0; c < buffer.numberOfChannels; c++) {
      buffer.copyFromChannel(part, c, start);
      for (let i = start; i < end; i++) mono[i] += part[i - start];
    }
    for (let i = start; i < end; i++) mono[i] /= buffer.numberOfChannels;
    await new Promise((resume) => setTimeout(resume));
  }
  return mono;
}

/**
 * Set what is not a number to zero, in place, and look at the level.
 * @param {Float32Array} samples
 * @returns {{peak: number, rms: number, repaired: number}} largest |sample|; root of the mean
 *   square; samples that were NaN or infinite
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
  return { peak, rms: Math.sqrt(squares / Math.max(1, samples.length)), repaired };
}

/**
 * Bring a recording to the level that the networks hear best, in place.
 *
 * They are not scale-invariant: their logarithm has a floor. On eight excerpts of real piano
 * (15 s of each) basicamt's mean note F1 was 0.739 as recorded, 0.596 and 0.288 at a tenth and a
 * thirtieth of the level, and 0.747 at this one, whatever it was before.
 *
 * @param {Float32Array} samples finite
 * @param {number} rms of the samples
 */
export function setLevel(samples, rms) {
  const gain = Math.min(LEVEL_RMS / rms, MOST_GAIN);
  for (let i = 0; i < samples.length; i++) samples[i] *= gain;
}

/**
 * Band-limited resampling by a windowed sinc, one set of weights for each phase (Smith, "Digital
 * Audio Resampling", CCRMA). Flat to 0.8 of the lower Nyquist frequency; what would alias lies
 * at least 80 dB down.
 *
 * @param {Float32Array<ArrayBuffer>} samples
 * @param {number} fromHz whole number
 * @param {number} toHz whole number
 * @returns {Float32Array<ArrayBuffer>} ceil(samples × toHz / fromHz); the input itself where the
 *   rates agree
 * @throws {TranscriptionError} "audio", where a rate is none
 */
export function resample(samples, fromHz, toHz) {
  for (const rate of [fromHz, toHz]) {
    if (!(Number.isInteger(rate) && rate >= 1000 && rate <= 768000)) {
      throw new TranscriptionError(
        "audio",
        `a sample rate of ${rate} Hz was given; a whole number from 1000 to 768000 is needed`,
      );
    }
  }
  if (fromHz === toHz) return samples;
  const divisor = greatestCommonDivisor(fromHz, toHz);
  const up = toHz / divisor;
  const down = fromHz / divisor;
  const { weights, half } = phaseWeights(up, Math.min(1, toHz / fromHz) * ROLL_OFF);
  const taps = 2 * half;
  const result = new Float32Array(Math.ceil((samples.length * up) / down));
  let whole = 0; // the output sample stands at input position whole + phase / up
  let phase = 0;
  for (let m = 0; m < result.length; m++) {
    const base = phase * taps;
    const first = whole - half + 1;
    // Plain comparisons: Math.max(0, -0) would make every index a double, five times slower.
    const from = first < 0 ? -first : 0;
    const to = first + taps > samples.length ? samples.length - first : taps;
    let sum = 0;
    for (let k = from; k < to; k++) sum += weights[base + k] * samples[first + k];
    result[m] = sum;
    phase += down;
    while (phase >= up) {
      phase -= up;
      whole++;
    }
  }
  return result;
}

/**
 * For each of `up` phases, the weights of the samples around the position.
 * @param {number} up
 * @param {number} cutoff as a part of the input's Nyquist frequency
 */
function phaseWeights(up, cutoff) {
  const half = Math.ceil(ZEROS / cutoff);
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
  return { weights, half };
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
 * @param {number} a
 * @param {number} b
 * @returns {number}
 */
function greatestCommonDivisor(a, b) {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}
