/**
 * Where embeddings are needed: stretches of one pitch over time.
 *
 * An hour of embeddings of every pitch would be 1.25 GB, and most of it silence. Notes lie where
 * the frame activation is above the threshold, or less than the tolerance before such a frame: a
 * gap within a note, or a beginning, is followed by a louder frame. So the embeddings there are
 * enough for all notes that this threshold, or a higher one, can give.
 */

import { LOWEST_PITCH, PITCHES } from "./notes.js";

/**
 * @typedef {object} Span
 * @property {number} row of the activations
 * @property {number} start frame
 * @property {number} end exclusive
 */

/** @param {import("./notes.js").FrameNote} note @returns {Span} */
export function spanOf({ pitch, startFrame, endFrame }) {
  return { row: pitch - LOWEST_PITCH, start: startFrame, end: endFrame };
}

/**
 * Spans that cover every note that a frame threshold of `level` or more can give.
 * @param {Float32Array} frame PITCHES × frames, in [0, 1]
 * @param {number} frames
 * @param {number} level
 * @param {number} toleranceFrames frames under the threshold that end a note
 * @returns {Span[]} row after row, each by start, none touching another of its row
 */
export function coverLoud(frame, frames, level, toleranceFrames) {
  /** @type {Span[]} */
  const spans = [];
  for (let row = 0; row < PITCHES; row++) {
    let open = null;
    for (let t = 0; t < frames; t++) {
      if (frame[row * frames + t] < level) continue;
      const start = Math.max(0, t - toleranceFrames + 1);
      if (open && start <= open.end) open.end = t + 1;
      else spans.push((open = { row, start, end: t + 1 }));
    }
  }
  return spans;
}

/**
 * The same stretches, in as few spans as they need.
 * @param {Span[]} spans
 * @returns {Span[]} row after row, each by start, none touching another of its row
 */
export function merge(spans) {
  /** @type {Span[]} */
  const merged = [];
  for (const span of [...spans].sort((a, b) => a.row - b.row || a.start - b.start)) {
    const last = merged.at(-1);
    if (last?.row === span.row && span.start <= last.end) last.end = Math.max(last.end, span.end);
    else merged.push({ ...span });
  }
  return merged;
}

/** @param {Span[]} spans @returns {number} frames of all of them */
export function sizeOf(spans) {
  return spans.reduce((sum, { start, end }) => sum + end - start, 0);
}
