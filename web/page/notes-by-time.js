/** Notes by start time, so that those in view are found without reading all. */

/** @typedef {import("../lib/transcribe.js").Note} Note */

export class NotesByTime {
  /** @param {Note[]} notes by start */
  constructor(notes) {
    this._notes = notes;
    this._longest = 0;
    for (const { start, end } of notes) this._longest = Math.max(this._longest, end - start);
  }

  /**
   * Notes that sound between two times.
   * @param {number} from seconds
   * @param {number} to seconds
   */
  *between(from, to) {
    for (let i = this._firstAfter(from - this._longest); i < this._notes.length; i++) {
      if (this._notes[i].start > to) return;
      if (this._notes[i].end >= from) yield this._notes[i];
    }
  }

  /**
   * Index of the first note that starts at or after a time.
   * @param {number} seconds
   */
  _firstAfter(seconds) {
    let low = 0;
    let high = this._notes.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this._notes[middle].start < seconds) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
