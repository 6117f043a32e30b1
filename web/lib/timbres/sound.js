/**
 * How a note sounds, from the levels of semitones: its spectrum before it begins, as it begins, while
 * it lasts and after its end; what sounds beside it; how it begins, fades and wavers.
 */

import { LOWEST_PITCH, PITCHES } from "../notes/notes.js";
import { PER_DB } from "./levels.js";

/** Semitones of a spectrum, from the note: its neighbours, and overtones 2 to 8. */
const SPECTRUM = Object.freeze({ from: -2, to: 38 });
/** Frames of the spectra, from the note's start; those past the attack end with the note. */
const WINDOWS = Object.freeze([
  [-6, -3],
  [-3, -1],
  [-1, 1],
  [1, 3],
  [3, 6],
  [6, 12],
  [12, 24],
  [24, 48],
]);
/** Frames of the spectra, from the note's end. */
const ENDINGS = Object.freeze([
  [0, 4],
  [4, 12],
]);
/** Frames that belong to the attack, however short the note is. */
const ATTACK = 3;
/** Semitones from the note at which others may sound: whose overtone it may be, or who may be its. */
const OTHERS = Object.freeze({ from: -36, to: 38 });
/** Frames from the note's start in which others count. */
const BESIDE = 24;
/** Frames of a note whose median is its level: after its attack. */
const STEADY = Object.freeze({ from: 2, most: 24 });
/** Frames around a note's start in which the steepest rise is looked for. */
const RISE = Object.freeze({ before: 2, after: 4 });
/** The note and its overtones 2 and 3, which waver. */
const WAVERING = Object.freeze([0, 12, 19]);
/** Frames that waver: from, at least, at most. */
const SPAN = Object.freeze({ from: 3, least: 8, most: 60 });
/** Lowest and highest level of a spectrum, in decibels from the note's own. */
const RANGE = Object.freeze({ from: -70, to: 30 });
/** Steepest slope of a level, in decibels a frame. */
const STEEPEST = 2;

/** Spectra of a note, and the semitones of each. */
export const SPECTRA = WINDOWS.length + ENDINGS.length;
export const BINS = SPECTRUM.to - SPECTRUM.from;
/** Semitones at which others may sound. */
export const BESIDES = OTHERS.to - OTHERS.from;
/** Values of `Sounds.describe`: the spectra, what sounds beside, and eleven more. */
export const VALUES = SPECTRA * BINS + BESIDES + (1 + 2 * WAVERING.length + 4);

/** @typedef {import("../notes/notes.js").FrameNote} FrameNote */

/** The sounds of a recording's notes. */
export class Sounds {
  /**
   * @param {FrameNote[]} notes all of them, sorted by start: they sound beside one another
   * @param {import("./levels.js").Levels} levels
   */
  constructor(notes, levels) {
    this._notes = notes;
    this._levels = levels;
    this._loudness = mean(notes.map((note) => this._levelOf(note)));
    const lengths = notes.map(({ startFrame, endFrame }) => endFrame - startFrame);
    this._longest = lengths.reduce((most, length) => Math.max(most, length), 0);
  }

  /**
   * The network's input, all of it about 1 in size: SPECTRA × BINS levels, in tens of decibels from
   * the note's own; the share of time that others sound at OTHERS; the steepest mean rise of all
   * semitones at its start; deviations and slopes of its overtones' levels; its pitch, length,
   * velocity, and its level from the recording's mean.
   * @param {FrameNote} note one of the recording's
   * @returns {Float32Array} VALUES
   */
  describe(note) {
    const { startFrame: start, endFrame: end } = note;
    const row = note.pitch - LOWEST_PITCH;
    const own = this._levelOf(note);
    const told = new Float32Array(VALUES);
    // Those that end before the attack does are whole.
    const last = Math.max(end, start + ATTACK);
    const windows = [
      ...WINDOWS.map(([from, to]) => [start + from, Math.min(start + to, last)]),
      ...ENDINGS.map(([from, to]) => [end + from, end + to]),
    ];
    let at = 0;
    for (const [from, to] of windows) {
      for (let k = SPECTRUM.from; k < SPECTRUM.to; k++) {
        told[at++] = this._height(row + k, from, to, own) / 10;
      }
    }
    this._addOthers(note, told.subarray(at, (at += BESIDES)));
    told[at++] = this._rise(start);
    for (const interval of WAVERING) {
      const { deviation, slope } = this._waver(row + interval, start + SPAN.from, end);
      told[at++] = deviation;
      told[at++] = slope;
    }
    const relative = (own - this._loudness) / 10;
    told.set([row / PITCHES, Math.log(end - start) / 4, note.velocity, relative], at);
    return told;
  }

  /**
   * The part of a row that lies in the recording.
   * @param {number} row
   * @param {number} from frame
   * @param {number} to exclusive
   */
  _levelsOf(row, from, to) {
    const { data, frames } = this._levels;
    const end = Math.min(frames, to);
    return data.subarray(row * frames + Math.min(end, Math.max(0, from)), row * frames + end);
  }

  /** A note's own level, in decibels above the lowest. @param {FrameNote} note */
  _levelOf({ pitch, startFrame, endFrame }) {
    const from = Math.min(startFrame + STEADY.from, endFrame - 1);
    const to = Math.min(endFrame, from + STEADY.most);
    const sorted = this._levelsOf(pitch - LOWEST_PITCH, from, to).slice().sort();
    const [low, high] = [(sorted.length - 1) >> 1, sorted.length >> 1];
    return (sorted[low] + sorted[high]) / 2 / PER_DB;
  }

  /** @param {number} row @param {number} from @param {number} to @param {number} own */
  _height(row, from, to, own) {
    if (row < 0 || row >= PITCHES) return RANGE.from;
    const values = this._levelsOf(row, from, to);
    if (values.length === 0) return 0;
    return Math.min(RANGE.to, Math.max(RANGE.from, mean(values) / PER_DB - own));
  }

  /** @param {FrameNote} note @param {Float32Array} share one value for each of OTHERS */
  _addOthers(note, share) {
    const from = note.startFrame;
    const to = Math.min(Math.max(note.endFrame, from + 1), from + BESIDE);
    for (let i = this._firstAfter(from - this._longest); i < this._notes.length; i++) {
      const other = this._notes[i];
      if (other.startFrame >= to) break;
      const common = Math.min(to, other.endFrame) - Math.max(from, other.startFrame);
      const at = other.pitch - note.pitch - OTHERS.from;
      const counts = common > 0 && other !== note && at >= 0 && at < BESIDES;
      if (counts) share[at] += common / (to - from);
    }
  }

  /** The first note that begins at a frame or later. @param {number} frame */
  _firstAfter(frame) {
    let [low, high] = [0, this._notes.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this._notes[middle].startFrame < frame) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** @param {number} start */
  _rise(start) {
    const { data, frames } = this._levels;
    let steepest = 0;
    for (let t = Math.max(1, start - RISE.before); t < Math.min(frames, start + RISE.after); t++) {
      let rise = 0;
      for (let at = t; at < data.length; at += frames) rise += Math.max(0, data[at] - data[at - 1]);
      steepest = Math.max(steepest, rise / PITCHES / PER_DB);
    }
    return steepest;
  }

  /**
   * The slope of a level, in decibels a frame, and the logarithm of its deviation from that line.
   * @param {number} row @param {number} from @param {number} end
   */
  _waver(row, from, end) {
    const values = row < PITCHES ? this._levelsOf(row, from, Math.min(end, from + SPAN.most)) : [];
    const count = values.length;
    if (count < SPAN.least) return { deviation: 0, slope: 0 };
    const [middle, centre] = [mean(values), (count - 1) / 2];
    let [along, across, square] = [0, 0, 0];
    values.forEach((value, t) => {
      along += (t - centre) ** 2;
      across += (t - centre) * (value - middle);
      square += (value - middle) ** 2;
    });
    const deviation = Math.sqrt(Math.max(0, square - across ** 2 / along) / count) / PER_DB;
    const slope = Math.min(STEEPEST, Math.max(-STEEPEST, across / along / PER_DB));
    return { deviation: Math.log(0.2 + deviation), slope };
  }
}

/** @param {ArrayLike<number>} values */
function mean(values) {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i];
  return values.length > 0 ? sum / values.length : 0;
}
