/**
 * How many timbres to tell apart where nobody says: one, or two if a small classifier is sure.
 *
 * Embeddings of one instrument differ too: with pitch, with loudness, with what sounds beside. So
 * the classifier weighs how far apart notes are over all, at one pitch, together, one after the
 * other, and within a note; and how far the sounds of notes of one pitch are (sound.js). It was
 * trained on rendered music (train/learn/counting.py), and its weights are in choose-weights.js.
 * How often it is right stands in web/README.md.
 */

import { REGIMES, WIDE } from "./choose-weights.js";
import { dot } from "./eigen.js";
import { ASPECTS } from "./sound.js";

/** Fewer notes say nothing. */
const FEWEST = 6;
/** Notes that are compared, at most, spread over all. */
const MOST = 1000;
/** Frames from which on a note counts in full. */
const LONG = 13;
/** Semitones between notes of one sound, of about one pitch, of neighbours in a line, in a chord. */
const NEAR = Object.freeze({ sound: 1, pitch: 2, line: 5, chord: 9 });
/** Most frames between neighbours in a line. */
const PAUSE = 40;
/** Added before logarithms are taken, of embeddings and of sounds. */
const FLOOR = Object.freeze({ vector: 0.01, sound: 0.1 });
/** Largest squared difference of two sounds. */
const FARTHEST = 9;

/** @typedef {import("../notes/notes.js").FrameNote} FrameNote */

/**
 * @typedef {object} Regime a classifier for weights whose embeddings vary as much
 * @property {readonly number[]} MEAN of each feature
 * @property {readonly number[]} SCALE standard deviation of each feature
 * @property {readonly number[]} WEIGHTS one per feature, and a constant
 * @property {number} CERTAIN smallest sum that means two timbres
 * @property {number} LIKELY smallest sum that means perhaps two
 */

/**
 * @param {ArrayLike<number> | null} traits of `describeTimbres`; those that are NaN count for nothing
 * @param {readonly Regime[]} [regimes] for embeddings that vary less than WIDE, and more
 * @returns {{count: number, perhaps: number}} how many to tell apart, and how many there may be
 */
export function chooseTimbres(traits, regimes = REGIMES) {
  if (!traits) return { count: 1, perhaps: 1 };
  const { MEAN, SCALE, WEIGHTS, CERTAIN, LIKELY } = regimes[traits[0] < WIDE ? 0 : 1];
  let sum = WEIGHTS[MEAN.length];
  MEAN.forEach((mean, k) => {
    const apart = (traits[k] - mean) / SCALE[k];
    if (apart === apart) sum += WEIGHTS[k] * apart; // an unknown trait says nothing
  });
  return { count: sum >= CERTAIN ? 2 : 1, perhaps: sum >= LIKELY ? 2 : 1 };
}

/**
 * The classifier's input, as logarithms: distances of pairs of notes over all, of one pitch, in a
 * chord, in a line; of notes' ends from their beginnings; and the mean velocity. A distance is the
 * root of the mean of 1 - cosine, strong and long notes counting most, and 0 of nothing. Then those
 * of the sounds of notes of one pitch, aspect by aspect, NaN of nothing.
 * @param {Float64Array[]} vectors of unit length or zero, one a note
 * @param {FrameNote[]} notes
 * @param {ArrayLike<number>} unrest how far notes' ends are from their beginnings, see `noteUnrest`
 * @param {Pick<import("./sound.js").Sounds, "describe"> | null} [sounds] of the notes, if known
 * @returns {number[] | null} null if there are too few notes
 */
export function describeTimbres(vectors, notes, unrest, sounds = null) {
  const heard = notes.flatMap((note, i) => {
    const weight = note.velocity * Math.min(1, (note.endFrame - note.startFrame) / LONG);
    const vector = vectors[i];
    return dot(vector, vector) > 0 ? [{ note, vector, weight, unrest: unrest[i] }] : [];
  });
  if (heard.length < FEWEST) return null;
  const step = Math.max(1, heard.length / MOST);
  const count = Math.floor(heard.length / step);
  const chosen = Array.from({ length: count }, (_, i) => heard[Math.floor(i * step)]);
  const told = chosen.map(({ note }) => sounds?.describe(note) ?? []);
  const aspects = ASPECTS.map(() => new Mean());
  const pairs = [0, 0, 0, 0].map(() => new Mean());
  const [within, loud] = [new Mean(), new Mean()];
  for (const [at, a] of chosen.entries()) {
    within.add(a.unrest, a.weight);
    loud.add(a.note.velocity, 1);
    for (let k = 0; k < at; k++) {
      const b = chosen[k];
      const apart = Math.abs(a.note.pitch - b.note.pitch);
      const pause = Math.max(a.note.startFrame - b.note.endFrame, b.note.startFrame - a.note.endFrame);
      const distance = 1 - dot(a.vector, b.vector);
      const weight = a.weight * b.weight;
      pairs[0].add(distance, weight);
      if (apart <= NEAR.sound) addSounds(aspects, told[at], told[k], weight);
      if (apart <= NEAR.pitch) pairs[1].add(distance, weight);
      if (apart <= NEAR.chord && pause <= 0) pairs[2].add(distance, weight);
      if (apart <= NEAR.line && pause > 0 && pause < PAUSE) pairs[3].add(distance, weight);
    }
  }
  const distances = [...pairs, within].map(({ value }) => Math.sqrt(Math.max(0, value)));
  return [
    ...[...distances, loud.value].map((value) => Math.log(value + FLOOR.vector)),
    ...aspects.map((one) => (one.isEmpty ? NaN : Math.log(Math.sqrt(one.value) + FLOOR.sound))),
  ];
}

/**
 * Take how far two notes' sounds are apart in each aspect, by what is known of both.
 * @param {Mean[]} aspects
 * @param {ArrayLike<number>} a of `Sounds.describe`, or nothing
 * @param {ArrayLike<number>} b
 * @param {number} weight
 */
function addSounds(aspects, a, b, weight) {
  ASPECTS.forEach((places, aspect) => {
    for (const place of places) {
      const square = (a[place] - b[place]) ** 2;
      if (square >= 0) aspects[aspect].add(Math.min(FARTHEST, square), weight); // not of the unknown
    }
  });
}

/** A weighted mean; 0 of nothing. */
class Mean {
  constructor() {
    this._sum = 0;
    this._weight = 0;
  }

  /** @param {number} value @param {number} weight */
  add(value, weight) {
    this._sum += weight * value;
    this._weight += weight;
  }

  get isEmpty() {
    return !(this._weight > 0);
  }

  get value() {
    return this._weight > 0 ? this._sum / this._weight : 0;
  }
}
