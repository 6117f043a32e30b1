/** A recording, what the networks made of it, and what its visitor wants of it. */

import { findBars } from "../lib/notes/bars.js";
import { trackBeats } from "../lib/notes/beats.js";
import { snapToGrid } from "../lib/notes/grid.js";

/** @typedef {import("../lib/transcribe.js").Analysis} Analysis */
/** @typedef {import("../lib/transcribe.js").Note} Note */
/** @typedef {Required<import("../lib/notes/notes.js").Thresholds>} Thresholds */
/** @typedef {{notes: Note[], timbres: number, perhaps: number}} Made */

export class Recording {
  /**
   * @param {string} name
   * @param {AudioBuffer} buffer
   */
  constructor(name, buffer) {
    this.name = name;
    this.buffer = buffer;
    /** @type {Map<string, Thresholds>} those that the visitor moved, by model */
    this.moved = new Map();
    this.keepOvertones = false;
    /** How sharp it is, in cents, to be corrected; 0: it is left as it is. @type {"auto" | 0} */
    this.tuning = "auto";
    /** The tuning that the notes are from. @type {"auto" | 0} */
    this.heardTuning = "auto";
    /** @type {string[]} of timbres, typed by the visitor; some may be missing */
    this.names = [];
    /** @type {{wish: string, analysis: Analysis}[]} of every run */
    this._runs = [];
    /** @type {Analysis | null} the one that the notes are from */
    this.analysis = null;
    /** @type {Made} */
    this.made = { notes: [], timbres: 1, perhaps: 1 };
    /** The beats that its first notes told. */
    this.found = trackBeats([]);
    /** Seconds: those, unless the visitor overruled them; fewer than two: none. */
    this.beats = this.found.times;
    /** Beats a bar; 0: as found. */
    this.meter = 0;
    /** Parts of a beat that notes are moved to; 0: they stay where they are. */
    this.grid = 0;
  }

  /** The notes as they are seen, heard and saved. */
  get notes() {
    const { notes } = this.made;
    return this.grid > 0 && this.beats.length > 1 ? snapToGrid(notes, this.beats, this.grid) : notes;
  }

  /** Where its beats begin bars, as far as its notes tell. */
  get foundBars() {
    return findBars(this.made.notes, this.beats);
  }

  /** Where they do, in the meter that the visitor chose. */
  get bars() {
    return this.meter > 0 ? findBars(this.made.notes, this.beats, [this.meter]) : this.foundBars;
  }

  /**
   * The result of a run, if there was one.
   * @param {string} wish what was asked for
   */
  find(wish) {
    return this._runs.find((run) => run.wish === wish)?.analysis;
  }

  /**
   * @param {string} wish
   * @param {Analysis} analysis
   */
  keep(wish, analysis) {
    this._runs.push({ wish, analysis });
  }

  /**
   * Take notes; of the same network no other result is needed any more.
   * @param {Analysis} analysis
   * @param {Made} made
   */
  settle(analysis, made) {
    this.analysis = analysis;
    this.made = made;
    this.heardTuning = this.tuning;
    if (this.beats.length < 2) {
      this.found = trackBeats(made.notes);
      this.beats = this.found.times;
    }
    this._close((one) => one !== analysis && one.facts.model === analysis.facts.model);
  }

  /** Free the networks' results. */
  close() {
    this._close(() => true);
  }

  /** @param {(analysis: Analysis) => boolean} isOver */
  _close(isOver) {
    for (const { analysis } of this._runs) if (isOver(analysis)) analysis.close();
    this._runs = this._runs.filter(({ analysis }) => !isOver(analysis));
  }
}
