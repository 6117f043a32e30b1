/** From the notes of the note rules to those that a listener wants. */

import { endAtGaps } from "./ends.js";
import * as weights from "./overtone-weights.js";
import { dropOvertones } from "./overtones.js";

/**
 * Notes without those that are probably none, each ended at its first gap.
 * @param {import("./notes.js").FrameNote[]} notes of `makeNotes`
 * @param {Float32Array} onset PITCHES × frames, in [0, 1]
 * @param {Float32Array} frame PITCHES × frames, in [0, 1]
 * @param {number} frames
 * @param {number} level the frame threshold that the notes were made with
 * @returns {import("./notes.js").FrameNote[]}
 */
export function tidyNotes(notes, onset, frame, frames, level) {
  return endAtGaps(dropOvertones(notes, onset, frame, frames, weights), frame, frames, level);
}
