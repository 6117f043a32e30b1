/**
 * How loud each semitone is over time: the loudest of its bins in half decibels, a byte a frame. An
 * hour takes 26 MB, an eighth of its activations, and serves the notes of any threshold.
 */

import { PITCHES } from "../notes/notes.js";

/** Bins of the energies a semitone. */
const PER_SEMITONE = 3;
/** Energy, in decibels, of level 0. */
const LOWEST_DB = -120;
/** Levels a decibel. */
export const PER_DB = 2;

export class Levels {
  /** @param {number} frames of the recording */
  constructor(frames) {
    this.frames = frames;
    /** PITCHES × frames, flat: 0 for -120 dB or less, 255 for 7.5 dB or more. */
    this.data = new Uint8Array(PITCHES * frames);
  }

  /**
   * Take the frames of a chunk.
   * @param {Float32Array} energy bins × (chunk.to − chunk.from), row after row
   * @param {import("../stream/chunks.js").Chunk} chunk
   */
  add(energy, { start, end, from, to }) {
    const width = to - from;
    for (let row = 0; row < PITCHES; row++) {
      for (let t = start; t < end; t++) {
        let loudest = 1e-12;
        for (let bin = PER_SEMITONE * row; bin < PER_SEMITONE * (row + 1); bin++) {
          loudest = Math.max(loudest, energy[bin * width + t - from]);
        }
        const level = Math.round(PER_DB * (10 * Math.log10(loudest) - LOWEST_DB));
        this.data[row * this.frames + t] = Math.min(255, level);
      }
    }
  }
}
