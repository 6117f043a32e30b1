/** Which notes sound next, round after round of a stretch that is repeated. */

/** @typedef {import("../lib/transcribe.js").Note} Note */
/** @typedef {import("./timeline.js").Timeline} Timeline */

/** Notes are due so far ahead, in seconds, for a page with slowed timers. */
const AHEAD = 1.5;

export class Schedule {
  constructor() {
    /** @type {Note[]} by start */
    this._notes = [];
    this._next = 0;
    this._round = 0;
  }

  /** @param {Note[]} notes by start */
  setNotes(notes) {
    this._notes = notes;
  }

  /**
   * Begin with the notes that sound now.
   * @param {Timeline} line
   * @param {number} clock
   */
  restart(line, clock) {
    this._round = line.round(clock);
    this._next = this._firstAfter(line.position(clock));
  }

  /**
   * The notes that begin soon, each once; a stretch's edges cut them.
   * @param {Timeline} line
   * @param {number} clock
   * @param {(note: Note, start: number, end: number) => void} onNote start and end on the clock
   */
  takeDue(line, clock, onNote) {
    const { loop } = line;
    for (;;) {
      const note = this._notes[this._next];
      if (!note || (loop && note.start >= loop.to)) {
        if (!loop || line.moment(loop.from, this._round + 1) > clock + AHEAD) return;
        this._round++;
        this._next = this._firstAfter(loop.from);
        continue;
      }
      const start = Math.max(note.start, this._round > 0 && loop ? loop.from : line.offset);
      const end = Math.min(note.end, loop?.to ?? Infinity);
      const at = line.moment(start, this._round);
      if (at > clock + AHEAD) return;
      this._next++;
      if (end > start) onNote(note, at, line.moment(end, this._round));
    }
  }

  /** Index of the first note that ends after a time. @param {number} seconds */
  _firstAfter(seconds) {
    const found = this._notes.findIndex((note) => note.end > seconds);
    return found < 0 ? this._notes.length : found;
  }
}
