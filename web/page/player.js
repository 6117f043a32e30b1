/** Plays the recording, its notes, or both, from any position, and reports the position. */

import { Synth } from "./synth.js";

/** @typedef {"original" | "notes" | "both"} Source */
/** @typedef {import("../lib/transcribe.js").Note} Note */

/** Milliseconds that the sound output may take to start; after that the clock runs without it. */
const OUTPUT_MS = 1500;
/** Loudness of the recording and of the notes for each source. */
const LEVELS = Object.freeze({ original: [1, 0], notes: [0, 1], both: [0.6, 0.75] });

/** One recording and its notes, on one clock. */
export class Player {
  /** @param {() => void} onChange called when it starts, stops or reaches the end */
  constructor(onChange) {
    this.onChange = onChange;
    this.length = 0;
    this.playing = false;
    /** @type {Source} */
    this._source = "both";
    this._offset = 0;
    this._startedAt = 0;
    /** @type {AudioBuffer | null} */
    this._buffer = null;
    /** @type {Note[]} */
    this._notes = [];
    /** @type {Set<number>} */
    this._muted = new Set();
    /** @type {AudioContext | null} */
    this._context = null;
    /** @type {AudioBufferSourceNode | null} */
    this._recording = null;
    this._timer = 0;
    /** Whether sound output is missing, so that only the cursor moves. */
    this.silent = false;
  }

  /** @param {AudioBuffer | null} buffer */
  load(buffer) {
    this.pause();
    this._buffer = buffer;
    this.length = buffer?.duration ?? 0;
    this._offset = 0;
    this._notes = [];
  }

  /**
   * @param {Note[]} notes by start
   * @param {Set<number>} muted timbres
   */
  setNotes(notes, muted) {
    this._notes = notes;
    this._muted = muted;
    if (this.playing && !this.silent) this._restartNotes();
  }

  /** @param {Source} source */
  setSource(source) {
    this._source = source;
    this._setLevels();
  }

  /** Seconds from the beginning. */
  get time() {
    if (!this.playing || this._startedAt === Infinity) return this._offset;
    const passed = this._clock() - this._startedAt;
    return Math.min(this.length, this._offset + Math.max(0, passed));
  }

  /** Start at the position, or from the beginning if that is the end. */
  async play() {
    if (!this._buffer || this.playing) return;
    this._context ??= this._open();
    const context = this._context;
    this.playing = true;
    this._startedAt = Infinity;
    this.silent = !(await startsSoon(context));
    this.onChange();
    if (!this.playing) return;
    if (this._offset >= this.length - 0.01) this._offset = 0;
    this._startedAt = this._clock() + 0.05;
    this._timer = window.setInterval(() => this._tick(), 80);
    if (this.silent) return;
    this._setLevels();
    this._recording = new AudioBufferSourceNode(context, { buffer: this._buffer });
    this._recording.connect(/** @type {GainNode} */ (this._original));
    this._recording.start(this._startedAt, this._offset);
    this._restartNotes();
  }

  pause() {
    if (!this.playing) return;
    this._offset = this.time;
    this.playing = false;
    this._stop();
    this.onChange();
  }

  /** @param {number} seconds */
  seek(seconds) {
    const playing = this.playing;
    if (playing) this._stop();
    this.playing = false;
    this._offset = Math.min(this.length, Math.max(0, seconds));
    if (playing) void this.play();
    else this.onChange();
  }

  /** Seconds on the clock that playback follows. */
  _clock() {
    return this.silent || !this._context ? performance.now() / 1000 : this._context.currentTime;
  }

  _open() {
    const context = new AudioContext();
    const out = new DynamicsCompressorNode(context, { threshold: -12, ratio: 6 });
    out.connect(context.destination);
    this._original = new GainNode(context);
    this._synthesised = new GainNode(context);
    this._original.connect(out);
    this._synthesised.connect(out);
    this._synth = new Synth(this._synthesised);
    return context;
  }

  _setLevels() {
    const [original, notes] = LEVELS[this._source];
    const now = this._context?.currentTime ?? 0;
    this._original?.gain.setTargetAtTime(original, now, 0.02);
    this._synthesised?.gain.setTargetAtTime(notes, now, 0.02);
  }

  _restartNotes() {
    this._synth?.silence();
    const now = this.time;
    this._next = this._notes.findIndex((note) => note.end > now);
    if (this._next < 0) this._next = this._notes.length;
    this._schedule();
  }

  _tick() {
    if (this.time >= this.length) {
      this.playing = false;
      this._offset = 0;
      this._stop();
      this.onChange();
    } else if (!this.silent) this._schedule();
  }

  /** Schedule the notes that begin soon: far enough ahead for a page with slowed timers. */
  _schedule() {
    const horizon = this.time + 1.5;
    while (this._next !== undefined && this._next < this._notes.length) {
      const note = this._notes[this._next];
      if (note.start > horizon) return;
      this._next++;
      if (this._muted.has(note.timbre) || note.end <= this.time) continue;
      const at = this._startedAt + Math.max(0, note.start - this._offset);
      this._synth?.sound(note, at, this._startedAt + note.end - this._offset);
    }
  }

  _stop() {
    window.clearInterval(this._timer);
    this._recording?.stop();
    this._recording?.disconnect();
    this._recording = null;
    this._synth?.silence();
  }
}

/**
 * Whether the sound output starts. Firefox without one never answers `resume`.
 * @param {AudioContext} context
 * @returns {Promise<boolean>}
 */
function startsSoon(context) {
  return Promise.race([
    context.resume().then(() => true),
    new Promise((resolve) => setTimeout(() => resolve(context.state === "running"), OUTPUT_MS)),
  ]);
}
