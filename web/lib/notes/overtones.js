/**
 * Separates notes from overtones, echoes and fragments of others, by a small classifier over the
 * activations around each note. It was trained on rendered music (train/learn/overtones.py), not on
 * recordings; its weights are in overtone-weights.js.
 */

import { LOWEST_PITCH, PITCHES } from "./notes.js";

/** Semitones from a note to the undertones and overtones that are compared with it. */
const INTERVALS = Object.freeze([-28, -24, -19, -12, -1, 1, 12, 19, 24]);
/** Frames on either side of a note's start in which its onset is searched for. */
const NEAR = 3;
/** Frames before a note in which it may have sounded already. */
const BEFORE = 10;
/** Frames before a note in which another onset of its pitch is searched for. */
const EARLIER = Object.freeze({ from: 25, to: 4 });

/** @typedef {typeof import("./overtone-weights.js")} OvertoneWeights */

/** Number of features of a note, see `describeNotes`. */
export const FEATURES = 14 + 2 * INTERVALS.length;

/**
 * The notes without those that are probably overtones, echoes or fragments.
 * @param {import("./notes.js").FrameNote[]} notes of `makeNotes`
 * @param {Float32Array} onset PITCHES × frames, in [0, 1]
 * @param {Float32Array} frame PITCHES × frames, in [0, 1]
 * @param {number} frames
 * @param {OvertoneWeights} weights
 * @returns {import("./notes.js").FrameNote[]}
 */
export function dropOvertones(notes, onset, frame, frames, weights) {
  const features = describeNotes(notes, onset, frame, frames);
  return notes.filter((_, i) => {
    const own = features.subarray(i * FEATURES, (i + 1) * FEATURES);
    return judge(own, weights) >= weights.KEEP;
  });
}

/**
 * The classifier's input, FEATURES values per note: its strength and length, its beginning and end,
 * the other sounding pitches, and the strength of the pitches at INTERVALS.
 * @param {import("./notes.js").FrameNote[]} notes
 * @param {Float32Array} onset PITCHES × frames
 * @param {Float32Array} frame PITCHES × frames
 * @param {number} frames
 * @returns {Float64Array}
 */
export function describeNotes(notes, onset, frame, frames) {
  const { loudest, total, attack } = overall(onset, frame, frames);
  const features = new Float64Array(notes.length * FEATURES);
  notes.forEach(({ startFrame: start, endFrame: end, pitch, velocity }, i) => {
    const row = pitch - LOWEST_PITCH;
    const base = row * frames;
    const [near, past] = [Math.max(0, start - NEAR), Math.min(frames, start + NEAR + 1)];
    const before = Math.max(0, start - BEFORE);
    const [earlier, later] = [
      Math.max(0, start - EARLIER.from),
      Math.max(0, start - EARLIER.to),
    ];
    const told = [
      velocity,
      most(frame, base + start, base + end),
      most(onset, base + near, base + past),
      Math.log(end - start),
      row / PITCHES,
      mean(loudest, start, end),
      mean(total, start, end),
      most(attack, near, past),
      mean(frame, base + before, base + start),
      least(frame, base + before, base + start),
      most(onset, base + earlier, base + later),
      mean(frame, base + start, base + Math.min(end, start + 12)),
      mean(frame, base + Math.max(start, end - 6), base + end),
      most(onset, base + end, base + Math.min(frames, end + 10)),
    ];
    for (const interval of INTERVALS) {
      const other = row + interval;
      const there = other >= 0 && other < PITCHES;
      const at = other * frames;
      told.push(there ? mean(frame, at + start, at + end) : 0);
      told.push(there ? most(onset, at + near, at + past) : 0);
    }
    features.set(told, i * FEATURES);
  });
  return features;
}

/**
 * The probability that a note is real.
 * @param {Float64Array} features of one note
 * @param {OvertoneWeights} weights
 */
function judge(features, { HIDDEN, MEAN, OUTPUT, SCALE }) {
  const x = features.map((value, k) => (value - MEAN[k]) / SCALE[k]);
  let sum = OUTPUT[HIDDEN.length];
  HIDDEN.forEach((weights, h) => {
    let unit = weights[FEATURES];
    for (let k = 0; k < FEATURES; k++) unit += weights[k] * x[k];
    sum += OUTPUT[h] * Math.max(0, unit);
  });
  return 1 / (1 + Math.exp(-sum));
}

/**
 * Over all pitches, for each frame: the largest and the sum of `frame`, and the largest onset.
 * @param {Float32Array} onset
 * @param {Float32Array} frame
 * @param {number} frames
 */
function overall(onset, frame, frames) {
  const [loudest, total, attack] = [0, 0, 0].map(() => new Float64Array(frames));
  for (let row = 0; row < PITCHES; row++) {
    for (let t = 0; t < frames; t++) {
      const value = frame[row * frames + t];
      loudest[t] = Math.max(loudest[t], value);
      total[t] += value;
      attack[t] = Math.max(attack[t], onset[row * frames + t]);
    }
  }
  return { loudest, total, attack };
}

/**
 * Of nothing: 0.
 * @param {Float32Array | Float64Array} values
 * @param {number} from
 * @param {number} to exclusive
 */
function mean(values, from, to) {
  let sum = 0;
  for (let i = from; i < to; i++) sum += values[i];
  return to > from ? sum / (to - from) : 0;
}

/**
 * Of nothing: 0.
 * @param {Float32Array | Float64Array} values
 * @param {number} from
 * @param {number} to exclusive
 */
function most(values, from, to) {
  let largest = 0;
  for (let i = from; i < to; i++) largest = Math.max(largest, values[i]);
  return largest;
}

/**
 * Of nothing: 0.
 * @param {Float32Array} values
 * @param {number} from
 * @param {number} to exclusive
 */
function least(values, from, to) {
  let smallest = to > from ? Infinity : 0;
  for (let i = from; i < to; i++) smallest = Math.min(smallest, values[i]);
  return smallest;
}
