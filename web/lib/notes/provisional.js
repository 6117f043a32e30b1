/**
 * Notes while the network is still running: from the activations so far, scaled by their maximum so
 * far. The exact notes replace them at the end.
 */

import { makeNotes, PITCHES } from "./notes.js";
import { tidyNotes } from "./tidy.js";

/** Frames before a chunk in which its notes may begin; a longer note is cut short. */
const CONTEXT_FRAMES = 512;

/** Finds each note once, when it has ended. */
export class ProvisionalNotes {
  /**
   * @param {number} frames of the recording
   * @param {Required<import("./notes.js").Thresholds>} thresholds
   * @param {boolean} [keepOvertones]
   */
  constructor(frames, thresholds, keepOvertones = true) {
    this._frames = frames;
    this._thresholds = thresholds;
    this._keepOvertones = keepOvertones;
    this._before = 0; // notes that ended up to here have been returned
  }

  /**
   * Notes that have ended since the last call.
   * @param {import("../stream/stream.js").Activations} activations not yet divided by their maxima
   * @param {{onset: number, frame: number}} maxima so far
   * @param {number} end frames that are known
   * @returns {import("./notes.js").FrameNote[]}
   */
  take({ onset, frame }, maxima, end) {
    const start = Math.max(0, this._before - CONTEXT_FRAMES);
    const width = end - start;
    /** @param {Float32Array} values @param {number} maximum */
    const cut = (values, maximum) => {
      const part = new Float32Array(PITCHES * width);
      for (let row = 0; row < PITCHES; row++) {
        const base = row * this._frames;
        part.set(values.subarray(base + start, base + end), row * width);
      }
      return part.map((value) => value / (maximum || 1));
    };
    const parts = [cut(onset, maxima.onset), cut(frame, maxima.frame)];
    const ready = end === this._frames ? end : end - this._thresholds.toleranceFrames;
    const ended = makeNotes(parts[0], parts[1], width, this._thresholds).filter(
      ({ endFrame }) => start + endFrame > this._before && start + endFrame <= ready,
    );
    this._before = ready;
    const notes = this._keepOvertones
      ? ended
      : tidyNotes(ended, parts[0], parts[1], width, this._thresholds.frame);
    return notes.map((note) => ({
      ...note,
      startFrame: note.startFrame + start,
      endFrame: note.endFrame + start,
    }));
  }
}
