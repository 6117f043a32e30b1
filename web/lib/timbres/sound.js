/**
 * How a note sounds, from the levels of semitones: how sharp its peak is, how strong its overtones,
 * how sudden its attack, how it fades and how it wavers. Embeddings do not hold all of that.
 */

import { LOWEST_PITCH, PITCHES } from "../notes/notes.js";
import { PER_DB } from "./levels.js";

/** Semitones from a note to what is compared with it: its neighbours, overtones 2 to 8. */
const INTERVALS = Object.freeze([-1, 1, 12, 19, 24, 28, 31, 34, 36]);
/** Overtones by which another note spoils a level, its own fundamental first. */
const SPOILING = Object.freeze([0, 12, 19, 24, 28, 31]);
/** Overtones by which another note spoils a fundamental. */
const MASKING = Object.freeze([12, 19, 24]);
/** Frames of a note whose levels count: after its attack. */
const STEADY = Object.freeze({ from: 2, most: 24 });
/** Frames around a note's start in which its attack lies. */
const ATTACK = Object.freeze({ before: 2, after: 4 });
/** Frames of a note that waver: from, at least, at most. */
const WAVERING = Object.freeze({ from: 3, least: 8, most: 60 });
/** Frames at either end of a note by which it fades. */
const END = 6;

/** What is compared at a time, as places in a description: neighbours, overtones 2 and 3, 4 to 8, … */
export const ASPECTS = Object.freeze([[0, 1], [2, 3], [4, 5, 6, 7, 8], [9], [10], [11]]);
/** What a description's values are divided by, about as much as notes of one pitch differ. */
const UNITS = Object.freeze([8, 8, 12, 12, 12, 12, 12, 12, 12, 2.5, 0.16, 1.5]);

/** @typedef {import("../notes/notes.js").FrameNote} FrameNote */

/** The sounds of a recording's notes. */
export class Sounds {
  /**
   * @param {FrameNote[]} notes all of them: they spoil one another
   * @param {import("./levels.js").Levels} levels
   * @param {Float32Array} frame PITCHES × frames, in [0, 1]
   */
  constructor(notes, levels, frame) {
    this._notes = notes;
    this._levels = levels;
    this._frame = frame;
  }

  /**
   * A note's levels at INTERVALS over its own, in decibels, each the median of its frames; the
   * steepest mean rise of all semitones at its start, in decibels a frame; the fall of its
   * activation; and the deviation of its level from a line, in decibels. All divided by UNITS.
   * @param {FrameNote} note
   * @returns {Float64Array} NaN for what is beyond the highest pitch, too short, or not its own
   */
  describe(note) {
    const { startFrame: start, endFrame: end } = note;
    const row = note.pitch - LOWEST_PITCH;
    const from = Math.min(start + STEADY.from, end - 1);
    const to = Math.min(end, from + STEADY.most);
    const others = new Set();
    for (const other of this._notes) {
      const sounds = other.startFrame < to && other.endFrame > from;
      if (sounds && other !== note) others.add(other.pitch - LOWEST_PITCH);
    }
    const isSpoilt = (/** @type {number} */ at) =>
      [...others].some((other) => SPOILING.some((over) => Math.abs(at - other - over) <= 1));
    const own = this._median(row, from, to);
    const heights = INTERVALS.map((interval) => {
      const at = row + interval;
      return at < 0 || at >= PITCHES || isSpoilt(at) ? NaN : this._median(at, from, to) - own;
    });
    const isMasked = MASKING.some((over) => others.has(row - over));
    const wavering = isMasked ? NaN : this._waver(row, start + WAVERING.from, end);
    const told = [...heights, this._attack(start), this._fade(row, start, end), wavering];
    return Float64Array.from(told, (value, k) => value / UNITS[k]);
  }

  /** @param {number} row @param {number} from @param {number} to exclusive */
  _levelsOf(row, from, to) {
    const { data, frames } = this._levels;
    return data.subarray(row * frames + from, row * frames + to);
  }

  /** @param {number} row @param {number} from @param {number} to exclusive */
  _median(row, from, to) {
    const sorted = this._levelsOf(row, from, to).slice().sort();
    const [low, high] = [(sorted.length - 1) >> 1, sorted.length >> 1];
    return (sorted[low] + sorted[high]) / 2 / PER_DB;
  }

  /** @param {number} start */
  _attack(start) {
    const { data, frames } = this._levels;
    let steepest = 0;
    for (let t = Math.max(1, start - ATTACK.before); t < Math.min(frames, start + ATTACK.after); t++) {
      let rise = 0;
      for (let at = t; at < data.length; at += frames) rise += Math.max(0, data[at] - data[at - 1]);
      steepest = Math.max(steepest, rise / PITCHES / PER_DB);
    }
    return steepest;
  }

  /** @param {number} row @param {number} start @param {number} end */
  _fade(row, start, end) {
    const base = row * this._levels.frames;
    const values = this._frame.subarray(base + start, base + end);
    return mean(values.subarray(0, END)) - mean(values.subarray(-END));
  }

  /** @param {number} row @param {number} from @param {number} end */
  _waver(row, from, end) {
    const values = this._levelsOf(row, from, Math.min(end, from + WAVERING.most));
    const count = values.length;
    if (end <= from || count < WAVERING.least) return NaN;
    const [middle, centre] = [mean(values), (count - 1) / 2];
    let [along, across, square] = [0, 0, 0];
    values.forEach((value, t) => {
      along += (t - centre) ** 2;
      across += (t - centre) * (value - middle);
      square += (value - middle) ** 2;
    });
    return Math.sqrt(Math.max(0, square - across ** 2 / along) / count) / PER_DB;
  }
}

/** @param {Float32Array | Uint8Array} values some */
function mean(values) {
  let sum = 0;
  for (const value of values) sum += value;
  return sum / values.length;
}
