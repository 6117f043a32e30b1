/**
 * The transcript of one recording: its activations, and the embeddings of its notes.
 *
 * Other thresholds give other notes at once, without the network. Their timbres need embeddings
 * where the new notes are. All of an hour's would be 1.25 GB, so as many as fit are computed in
 * advance: those of every note that a frame threshold of `level` or more can give, `level` being
 * the lowest of LEVELS that needs no more than one pass over the features. Thresholds below it are as exact but
 * slower: missing embeddings are computed from the audio, in the chunks that they lie in.
 */

import { TranscriptionError } from "../errors.js";
import { makeNotes, SECONDS_PER_FRAME } from "../notes/notes.js";
import { timbrePasses } from "./encoder.js";
import { ProvisionalNotes } from "../notes/provisional.js";
import { Progress } from "./progress.js";
import { tidyNotes } from "../notes/tidy.js";
import { coverLoud, merge, sizeOf, spanOf } from "../notes/spans.js";
import { STAGE_COSTS } from "./stages.js";
import { NOTE_PASSES, Stream } from "./stream.js";
import { clusterTimbres, noteEmbeddings } from "../timbres/timbres.js";

/** Frame thresholds for which embeddings are computed in advance, if they fit. */
const LEVELS = Object.freeze([0.05, 0.1, 0.15, 0.2, 0.25]);
/** Most frames of pitches whose embeddings are made in advance: 48 MB. */
const MOST_FRAMES = 1e6;

/** @typedef {Required<import("../notes/notes.js").Thresholds>} Thresholds */

export class Transcript {
  /**
   * @param {import("./stages.js").StageRunner} stages
   * @param {import("../audio/audio.js").Listener} listener
   */
  constructor(stages, listener) {
    this._listener = listener;
    this._stages = stages;
    this._separable = stages.has("embed");
    /** @type {(pass: string, fraction: number) => Promise<void>} */
    this._report = async () => {};
    this._stream = new Stream(stages, listener, (pass, fraction) => this._report(pass, fraction));
    /** @type {import("./stream.js").Activations} */
    this._activations = { onset: new Float32Array(0), frame: new Float32Array(0), frames: 0 };
    /** What was counted last. @type {{notes: object, count: number, perhaps: number} | null} */
    this._counted = null;
    /** Notes that were found last. @type {{key: string, notes: import("../notes/notes.js").FrameNote[]} | null} */
    this._found = null;
    /** Seconds of the recording. */
    this.seconds = listener.seconds;
  }

  /**
   * Run the network.
   * @param {object} options
   * @param {Thresholds} options.thresholds that notes will be made with
   * @param {boolean} options.keepOvertones
   * @param {number | "auto"} options.timbres that will be asked for, so that what they need is at hand
   * @param {"auto" | number} options.tuning how sharp the recording is, in cents
   * @param {(fraction: number) => Promise<void>} options.onProgress throws to stop
   * @param {(notes: import("../notes/notes.js").FrameNote[]) => void} options.onNotes provisional ones
   * @returns {Promise<Uint8Array<ArrayBuffer>>} frame activation, PITCHES × frames, 255 for 1;
   *   empty for silence, and for what is too short for notes
   * @throws {TranscriptionError}
   */
  async listen({ thresholds, keepOvertones, timbres, tuning, onProgress, onNotes }) {
    const encode = timbres !== 1 && this._separable;
    const passes = encode ? [...NOTE_PASSES, ...timbrePasses(this._stages)] : NOTE_PASSES;
    await onProgress(0);
    // Answered without the network.
    if (this._listener.silent || this._listener.brief) return new Uint8Array(0);
    this._reportTo(onProgress, passes);
    /** @type {ProvisionalNotes | null} */
    let provisional = null;
    this._activations = await this._stream.listen({
      keep: encode,
      level: this._separable,
      onActivations: (activations, maxima, end) => {
        provisional ??= new ProvisionalNotes(activations.frames, thresholds, keepOvertones);
        onNotes(provisional.take(activations, maxima, end));
      },
      tuning,
      skipNoise: true,
    });
    this._found = null;
    if (encode) {
      const notes = this._find(thresholds, keepOvertones);
      const several = timbres !== "auto" || (await this._count(notes)).count > 1;
      const spans = several ? [...this._inAdvance(thresholds), ...notes.map(spanOf)] : [];
      await this._stream.encode(merge(spans));
    }
    await onProgress(1);
    const { frame } = this._activations;
    const map = new Uint8Array(frame.length);
    for (let i = 0; i < map.length; i++) map[i] = Math.round(255 * frame[i]);
    return map;
  }

  /**
   * @param {object} options
   * @param {Thresholds} options.thresholds
   * @param {boolean} options.keepOvertones
   * @param {number | "auto"} options.timbres 1: all notes together
   * @param {(fraction: number) => Promise<void>} options.onProgress throws to stop
   * @returns {Promise<{notes: import("../notes/notes.js").FrameNote[], labels: Uint16Array,
   *   count: number, perhaps: number}>} perhaps: how many timbres there may be
   * @throws {TranscriptionError}
   */
  async makeNotes({ thresholds, keepOvertones, timbres, onProgress }) {
    const notes = this._find(thresholds, keepOvertones);
    const together = { notes, labels: new Uint16Array(notes.length), count: 1, perhaps: 1 };
    if (timbres === 1 || notes.length === 0) return together;
    if (!this._separable) {
      throw new TranscriptionError(
        "model",
        "this model does not separate timbres; choose one with an embedding, such as septimbre",
      );
    }
    const { count, perhaps } =
      timbres === "auto" ? await this._count(notes) : { count: timbres, perhaps: timbres };
    if (count === 1) return { ...together, perhaps };
    const { embeddings } = this._stream;
    const missing = merge(notes.map(spanOf).filter((span) => !embeddings.has(span)));
    if (missing.length > 0) {
      this._reportTo(onProgress, timbrePasses(this._stages));
      await this._stream.encode(missing);
    }
    const { frame, frames } = this._activations;
    const read = (/** @type {import("../notes/spans.js").Span} */ span) => embeddings.read(span);
    const vectors = noteEmbeddings(notes, read, frame, frames);
    return { notes, labels: clusterTimbres(vectors, count), count, perhaps };
  }

  /** Seconds of the recording from one frame to the next; a tuning other than 0 changes them. */
  get secondsPerFrame() {
    return SECONDS_PER_FRAME / this._listener.stretch;
  }

  /** Whether the recording holds only noise or hum. */
  get isNoise() {
    return this._stream.isNoise;
  }

  /** How loud each semitone is, if the model separates timbres. */
  get levels() {
    return this._stream.levels;
  }

  /** The network's activations of the recording. */
  get activations() {
    return this._activations;
  }

  /**
   * A run with timbres and the request for its notes that follows find the same.
   * @param {Thresholds} thresholds
   * @param {boolean} keepOvertones
   */
  _find(thresholds, keepOvertones) {
    const key = JSON.stringify([thresholds, keepOvertones]);
    if (this._found?.key === key) return this._found.notes;
    const { onset, frame, frames } = this._activations;
    const all = makeNotes(onset, frame, frames, thresholds);
    const notes = keepOvertones ? all : tidyNotes(all, onset, frame, frames, thresholds.frame);
    this._found = { key, notes };
    return notes;
  }

  /**
   * How many timbres there are, and may be; a run and the request for its notes ask for the same.
   * @param {import("../notes/notes.js").FrameNote[]} notes
   */
  async _count(notes) {
    if (this._counted?.notes === notes) return this._counted;
    return (this._counted = { notes, ...(await this._hearTimbres(notes)) });
  }

  /** @param {import("../notes/notes.js").FrameNote[]} notes */
  async _hearTimbres(notes) {
    // 24 KB of weights, that only those who ask for timbres need.
    const { chooseTimbres, hearTimbres } = await import("../timbres/choose.js");
    return chooseTimbres(this.levels && hearTimbres(notes, this.levels));
  }

  /**
   * Spans beyond the present notes whose embeddings are made with theirs.
   * @param {Thresholds} thresholds
   */
  _inAdvance({ toleranceFrames }) {
    const { frame, frames } = this._activations;
    for (const level of LEVELS) {
      const spans = coverLoud(frame, frames, level, toleranceFrames);
      if (sizeOf(spans) <= Math.min(MOST_FRAMES, this._stream.passFrames)) return spans;
    }
    return [];
  }

  /**
   * @param {(fraction: number) => Promise<void>} onProgress
   * @param {readonly string[]} passes
   */
  _reportTo(onProgress, passes) {
    const progress = new Progress(passes, STAGE_COSTS);
    this._report = (pass, fraction) => onProgress(progress.at(pass, fraction));
  }
}
