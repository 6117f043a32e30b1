/** Where notes end. */

import { LOWEST_PITCH } from "./notes.js";

/**
 * Quiet frames that end a note. The note rules wait for ten, and so take what comes back after a
 * gap, mostly another sound of the pitch, for the same note.
 */
const PATIENCE = 6;
/** A note is never made shorter than this, in frames. */
const SHORTEST = 6;

/**
 * Notes that end before their first gap; none begins or becomes another.
 * @param {import("./notes.js").FrameNote[]} notes of `makeNotes`
 * @param {Float32Array} frame PITCHES × frames, in [0, 1]
 * @param {number} frames
 * @param {number} level the frame threshold that the notes were made with
 * @returns {import("./notes.js").FrameNote[]}
 */
export function endAtGaps(notes, frame, frames, level) {
  return notes.map((note) => {
    const base = (note.pitch - LOWEST_PITCH) * frames;
    let quiet = 0;
    for (let t = note.startFrame; t < note.endFrame; t++) {
      quiet = frame[base + t] < level ? quiet + 1 : 0;
      if (quiet < PATIENCE) continue;
      return { ...note, endFrame: Math.max(t - quiet + 1, note.startFrame + SHORTEST) };
    }
    return note;
  });
}
