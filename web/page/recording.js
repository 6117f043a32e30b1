/** A recording, and what the networks made of it. */

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
    /** @type {{wish: string, analysis: Analysis}[]} of every run */
    this._runs = [];
    /** @type {Analysis | null} the one that the notes are from */
    this.analysis = null;
    /** @type {Made} */
    this.made = { notes: [], timbres: 1, perhaps: 1 };
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
