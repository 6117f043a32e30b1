/**
 * How many timbres to tell apart where nobody says: one, or two if small networks are sure.
 *
 * A network makes a vector of each note's sound (sound.js). Two notes may differ because of their
 * pitches, or of what sounds beside them; so how far apart they are is asked by kind of pair: notes
 * of about one pitch or of distant ones, together, in turn, or long apart. The shares of pairs that
 * seem to be of two instruments, kind by kind, give its verdict. Some networks judge together, each
 * of which has heard other instruments, all of them in rendered music (train/learn/counting.py);
 * their weights are in choose-weights.js. How often they are right stands in web/README.md.
 */

import { CERTAIN, EARS, LIKELY } from "./choose-weights.js";
import { BESIDES, BINS, Sounds, SPECTRA } from "./sound.js";

/** Fewer notes say nothing. */
const FEWEST = 6;
/** Of a long recording only stretches are compared, spread over it, of notes that follow one another. */
const STRETCHES = Object.freeze({ count: 8, notes: 50 });
/** Semitones between the notes of a pair, at most, by kind; more are the last kind. */
const APART = Object.freeze([1, 4, 9, 16]);
/** Frames between them, at most, by kind: they sound together, or soon after one another. */
const PAUSES = Object.freeze([0, 40]);
const KINDS = (APART.length + 1) * (PAUSES.length + 1);
/** Slope of a unit below zero. */
const LEAK = 0.01;
/** Added to a share before its logarithm is taken. */
const FLOOR = 0.02;

/** @typedef {import("../notes/notes.js").FrameNote} FrameNote */

/**
 * @typedef {object} Layer
 * @property {string} bytes its matrix, row by row, int8 in base64
 * @property {readonly number[]} steps what the bytes of each row are multiplied by
 * @property {readonly number[]} constants what is added to each row's product
 */

/**
 * @typedef {object} Weights of the network
 * @property {Layer} SPECTRUM of each spectrum
 * @property {Layer} BESIDE of what sounds beside a note
 * @property {Layer} HIDDEN of both and of a note's other traits
 * @property {Layer} SOUND a note's vector, and how much it counts
 * @property {readonly number[]} SCALES of a pair's distance, by kind
 * @property {readonly number[]} OFFSETS added to it
 * @property {Layer} SHARES of the pairs' shares
 * @property {Layer} VERDICT
 */

/**
 * How many timbres to tell apart, and how many there may be.
 * @param {number | null} verdict of `hearTimbres`
 * @param {{CERTAIN: number, LIKELY: number}} [limits] smallest verdicts that mean two, and perhaps two
 */
export function chooseTimbres(verdict, limits = { CERTAIN, LIKELY }) {
  const odds = verdict ?? -Infinity;
  return { count: odds >= limits.CERTAIN ? 2 : 1, perhaps: odds >= limits.LIKELY ? 2 : 1 };
}

/**
 * The logarithm of the odds that there are two timbres.
 * @param {FrameNote[]} notes all of a recording's, sorted by start
 * @param {import("./levels.js").Levels} levels of the recording
 * @param {readonly Weights[]} [networks]
 * @returns {number | null} null if there are too few notes
 */
export function hearTimbres(notes, levels, networks = EARS) {
  if (notes.length < FEWEST) return null;
  const sounds = new Sounds(notes, levels);
  const chosen = choose(notes);
  const told = chosen.map((note) => sounds.describe(note));
  const verdicts = networks.map((weights) => judge(new Ear(weights), chosen, told));
  return verdicts.reduce((total, verdict) => total + verdict, 0) / verdicts.length;
}

/**
 * What one network says.
 * @param {Ear} ear
 * @param {FrameNote[]} notes
 * @param {Float32Array[]} told of each note
 */
function judge(ear, notes, told) {
  const heard = notes.map((note, i) => ({ note, ...ear.hear(told[i]) }));
  const [different, all] = [new Float64Array(KINDS), new Float64Array(KINDS)];
  for (const [at, a] of heard.entries()) {
    for (let k = 0; k < at; k++) {
      const b = heard[k];
      const apart = Math.abs(a.note.pitch - b.note.pitch);
      const pause = Math.max(a.note.startFrame - b.note.endFrame, b.note.startFrame - a.note.endFrame);
      const kind = (PAUSES.length + 1) * rankOf(apart, APART) + rankOf(pause, PAUSES);
      const weight = a.weight * b.weight;
      different[kind] += weight * ear.compare(a.vector, b.vector, kind);
      all[kind] += weight;
    }
  }
  return ear.judge(different, all);
}

/** @param {FrameNote[]} notes */
function choose(notes) {
  const { count, notes: length } = STRETCHES;
  if (notes.length <= count * length) return notes;
  return Array.from({ length: count }, (_, i) => {
    const start = Math.floor((i * (notes.length - length)) / (count - 1));
    return notes.slice(start, start + length);
  }).flat();
}

/** The network. */
class Ear {
  /** @param {Weights} weights */
  constructor(weights) {
    const { SCALES, OFFSETS, ...layers } = weights;
    this._scales = SCALES;
    this._offsets = OFFSETS;
    this._spectrum = new Dense(layers.SPECTRUM);
    this._beside = new Dense(layers.BESIDE);
    this._hidden = new Dense(layers.HIDDEN);
    this._sound = new Dense(layers.SOUND);
    this._shares = new Dense(layers.SHARES);
    this._verdict = new Dense(layers.VERDICT);
  }

  /**
   * A note's vector, and how much it counts, in (0, 1).
   * @param {Float32Array} told of `Sounds.describe`
   */
  hear(told) {
    const beside = SPECTRA * BINS;
    const seen = [];
    for (let at = 0; at < beside; at += BINS) {
      seen.push(...this._spectrum.of(told.subarray(at, at + BINS)).map(leak));
    }
    seen.push(...this._beside.of(told.subarray(beside, beside + BESIDES)).map(leak));
    seen.push(...told.subarray(beside + BESIDES));
    const made = this._sound.of(this._hidden.of(seen).map(leak));
    return { vector: made.subarray(0, -1), weight: sigmoid(made[made.length - 1]) };
  }

  /**
   * How probably two notes are of two instruments.
   * @param {Float64Array} a vector of a note
   * @param {Float64Array} b
   * @param {number} kind of the pair
   */
  compare(a, b, kind) {
    let square = 0;
    for (let c = 0; c < a.length; c++) square += (a[c] - b[c]) ** 2;
    return sigmoid((this._scales[kind] * square) / a.length + this._offsets[kind]);
  }

  /**
   * @param {Float64Array} different weight of the pairs that are of two instruments, by kind
   * @param {Float64Array} all weight of all pairs
   */
  judge(different, all) {
    const share = sum(different) / (sum(all) + 1e-3);
    // A kind of which there are few pairs is taken to be as the others.
    const shares = Array.from(all, (weight, kind) => (different[kind] + share) / (weight + 1));
    const told = [share, ...shares].map((value) => Math.log(value + FLOOR));
    return this._verdict.of(this._shares.of(told).map(Math.tanh))[0];
  }
}

/** A layer whose matrix is unpacked. */
class Dense {
  /** @param {Layer} layer */
  constructor({ bytes, steps, constants }) {
    this._matrix = Int8Array.from(atob(bytes), (one) => one.charCodeAt(0));
    this._steps = steps;
    this._constants = constants;
  }

  /** @param {ArrayLike<number>} input */
  of(input) {
    const columns = this._matrix.length / this._steps.length;
    return Float64Array.from(this._steps, (step, row) => {
      let sum = 0;
      for (let k = 0; k < columns; k++) sum += this._matrix[row * columns + k] * input[k];
      return step * sum + this._constants[row];
    });
  }
}

/** @param {number} value @param {readonly number[]} limits */
function rankOf(value, limits) {
  const rank = limits.findIndex((limit) => value <= limit);
  return rank < 0 ? limits.length : rank;
}

/** @param {number} value */
function leak(value) {
  return value < 0 ? LEAK * value : value;
}

/** @param {number} value */
function sigmoid(value) {
  return 1 / (1 + Math.exp(-value));
}

/** @param {Float64Array} values */
function sum(values) {
  return values.reduce((total, value) => total + value, 0);
}
