/**
 * How many timbres to tell apart where nobody says: one, unless notes of the same pitch differ.
 *
 * Embeddings of notes far apart differ by their pitch alone, so that one piano looks like several
 * instruments. Notes of the same pitch, and of its neighbours, need not.
 */

import { dot } from "./eigen.js";
import { estimateTimbres } from "./timbres.js";

/** Semitones between notes that count as of one pitch. */
const REACH = 2;
/** Notes that are compared, at most, spread over all. */
const MOST = 1000;
/** Frames from which on a note counts in full. */
const LONG = 13;
/**
 * Mean distance (1 - cosine) of notes of one pitch. With the bundled weights, on 10 s, 40 of 42
 * recordings of one instrument lie below CERTAIN, 10 of them real pianos, and 7 of 32 mixtures of
 * two above: most mixtures cannot be told.
 */
const CERTAIN = 0.07;
/** From here on there may be two. */
const LIKELY = 0.045;

/**
 * @param {Float64Array[]} vectors of unit length or zero, one a note
 * @param {import("../notes/notes.js").FrameNote[]} notes
 * @returns {{count: number, perhaps: number}} how many to tell apart, and how many there may be
 */
export function chooseTimbres(vectors, notes) {
  const seen = estimateTimbres(vectors);
  if (seen < 2) return { count: seen, perhaps: seen };
  const apart = distanceAtOnePitch(vectors, notes);
  if (apart >= CERTAIN) return { count: seen, perhaps: seen };
  return { count: 1, perhaps: apart >= LIKELY ? 2 : 1 };
}

/**
 * Mean of 1 - cosine over pairs of notes of about one pitch, strong and long ones counting most;
 * 0 without such pairs.
 * @param {Float64Array[]} vectors
 * @param {import("../notes/notes.js").FrameNote[]} notes
 */
export function distanceAtOnePitch(vectors, notes) {
  const step = Math.max(1, notes.length / MOST);
  const chosen = Array.from({ length: Math.floor(notes.length / step) }, (_, i) => Math.floor(i * step));
  let [sum, total] = [0, 0];
  for (const [at, i] of chosen.entries()) {
    for (const j of chosen.slice(0, at)) {
      if (Math.abs(notes[i].pitch - notes[j].pitch) > REACH) continue;
      const weight = weightOf(notes[i]) * weightOf(notes[j]);
      sum += weight * (1 - dot(vectors[i], vectors[j]));
      total += weight;
    }
  }
  return total > 0 ? sum / total : 0;
}

/** @param {import("../notes/notes.js").FrameNote} note */
function weightOf({ startFrame, endFrame, velocity }) {
  return velocity * Math.min(1, (endFrame - startFrame) / LONG);
}
