/** Plays the recording, its notes, or both, from any position, and reports the position. */

import { Schedule } from "./schedule.js";
import { Synth } from "./synth.js";
import { Timeline } from "./timeline.js";

/** @typedef {"original" | "notes" | "both"} Source */
/** @typedef {import("../lib/transcribe.js").Note} Note */

/** Milliseconds that the sound output may take to start; after that the clock runs without it. */
const OUTPUT_MS = 1500;
/** Shortest stretch that can be repeated. */
const SHORTEST_LOOP = 0.2;
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
    this._speed = 1;
    /** What is repeated. @type {import("./timeline.js").Stretch | null} */
    this.loop = null;
    this._line = new Timeline({ offset: 0, startedAt: Infinity, speed: 1, loop: null });
    /** @type {AudioBuffer | null} */
    this._buffer = null;
    this._schedule = new Schedule();
    /** @type {Set<number>} */
    this._muted = new Set();
    /** @type {AudioContext | null} */
    this._context = null;
    /** @type {AudioBufferSourceNode | null} */
    this._recording = null;
    /** Plays instead at another speed. @type {import("./slow.js").SlowRecording | null} */
    this._slow = null;
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
    this._schedule.setNotes([]);
    this.loop = null;
    this._slow?.close();
    this._slow = null;
    this.onChange();
  }

  /** @param {number} speed 1: as recorded; the pitch stays */
  setSpeed(speed) {
    this._speed = speed;
    this.seek(this.time);
  }

  /** @param {import("./timeline.js").Stretch | null} loop to play again and again; too short: none */
  setLoop(loop) {
    const at = this.time;
    const to = Math.min(this.length, loop?.to ?? 0);
    this.loop = loop && to - loop.from >= SHORTEST_LOOP ? { from: loop.from, to } : null;
    if (this.playing) this.seek(at);
  }

  /**
   * @param {Note[]} notes by start
   * @param {Set<number>} muted timbres
   */
  setNotes(notes, muted) {
    this._schedule.setNotes(notes);
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
    if (!this.playing) return this._offset;
    return Math.min(this.length, this._line.position(this._clock()));
  }

  /** Start at the position, or from the beginning if that is the end. */
  async play() {
    if (!this._buffer || this.playing) return;
    this._context ??= this._open();
    const context = this._context;
    this.playing = true;
    const { loop, _speed: speed } = this;
    const outside = loop && (this._offset < loop.from || this._offset >= loop.to - 0.01);
    if (outside) this._offset = loop.from;
    else if (this._offset >= this.length - 0.01) this._offset = 0;
    const offset = this._offset;
    const line = new Timeline({ offset, startedAt: Infinity, speed, loop });
    this._line = line;
    this.silent = !(await startsSoon(context));
    this.onChange();
    if (!this.silent && speed !== 1 && this._line === line) {
      // Paused before it began; or too long for another copy, and then its notes play alone.
      await this._startSlow(line).catch(() => {});
    }
    if (!this.playing || this._line !== line) return;
    line.startedAt = this._clock() + (speed === 1 ? 0.05 : 0);
    this._timer = window.setInterval(() => this._tick(), 80);
    if (this.silent) return;
    this._setLevels();
    if (speed === 1) this._startRecording(context, line);
    this._restartNotes();
  }

  /**
   * @param {AudioContext} context
   * @param {Timeline} line
   */
  _startRecording(context, { offset, startedAt, loop }) {
    const buffer = this._buffer;
    this._recording = new AudioBufferSourceNode(context, {
      buffer,
      loop: loop !== null,
      loopStart: loop?.from ?? 0,
      loopEnd: loop?.to ?? 0,
    });
    this._recording.connect(/** @type {GainNode} */ (this._original));
    this._recording.start(startedAt, offset);
  }

  /** @param {Timeline} line */
  async _startSlow(line) {
    const buffer = this._buffer;
    const { SlowRecording } = await import("./slow.js");
    if (!buffer || !this._original || !this.playing || this._line !== line) return;
    this._slow ??= new SlowRecording(buffer, this._original);
    await this._slow.start(line.offset, line.speed);
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
    this._line = new Timeline({ ...this._line, startedAt: Infinity }); // ends a start under way
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
    this._schedule.restart(this._line, this._clock());
    this._sound();
  }

  /** Let the notes sound that begin soon. */
  _sound() {
    this._schedule.takeDue(this._line, this._clock(), (note, start, end) => {
      if (!this._muted.has(note.timbre)) this._synth?.sound(note, Math.max(0, start), end);
    });
  }

  _tick() {
    if (this.time >= this.length) {
      this.playing = false;
      this._offset = 0;
      this._stop();
      this.onChange();
    } else if (!this.silent) {
      if (this._speed !== 1) this._slow?.keepTo(this.time);
      this._sound();
    }
  }

  _stop() {
    window.clearInterval(this._timer);
    this._recording?.stop();
    this._recording?.disconnect();
    this._recording = null;
    this._slow?.stop();
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
