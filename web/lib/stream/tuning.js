/**
 * How far a recording's pitches lie from A = 440 Hz, by the energies that the networks hear: three
 * bins a semitone, a pitch in the middle of its own.
 */

/** Bins a semitone. */
const PER_SEMITONE = 3;
/** Bins whose peaks count: a fifth above the lowest pitch, up to where overtones stretch. */
const RANGE = Object.freeze({ from: 18, to: 200 });
/** Part of its frame's largest energy that a peak must have. */
const FAINT = 1e-3;
/** How much the peaks agree, from which on there is a tuning: noise and speech reach 0.1, music 0.45. */
const CLEAR = 0.25;
/** Cents that are left alone: the networks hear music as well. */
const IN_TUNE = 8;

/** Gathers the peaks of a recording, a chunk at a time. */
export class Tuning {
  constructor() {
    this._real = 0;
    this._imaginary = 0;
    this._weight = 0;
  }

  /**
   * Take the frames of a chunk.
   * @param {Float32Array} energy bins × width, row after row
   * @param {number} width frames of a row
   * @param {number} start first frame that counts: the halo does not
   * @param {number} end exclusive
   */
  add(energy, width, start, end) {
    const bins = energy.length / width;
    for (let t = start; t < end; t++) {
      let largest = 0;
      for (let k = 0; k < bins; k++) largest = Math.max(largest, energy[k * width + t]);
      for (let k = RANGE.from; k < RANGE.to; k++) {
        const here = energy[k * width + t];
        if (!(here > FAINT * largest)) continue;
        const below = energy[(k - 1) * width + t];
        const above = energy[(k + 1) * width + t];
        if (!(here > below && here >= above && below > 0 && above > 0)) continue;
        // The top of the parabola through the three logarithms.
        const [a, b, c] = [Math.log(below), Math.log(here), Math.log(above)];
        const bin = k + (0.5 * (a - c)) / (a - 2 * b + c);
        const phase = (2 * Math.PI * (bin - 1)) / PER_SEMITONE;
        const weight = Math.sqrt(here);
        this._real += weight * Math.cos(phase);
        this._imaginary += weight * Math.sin(phase);
        this._weight += weight;
      }
    }
  }

  /** How sharp the recording is, in (-50, 50]; half a semitone either way is the same to the ear. */
  get cents() {
    return (100 * Math.atan2(this._imaginary, this._real)) / (2 * Math.PI);
  }

  /** How much the peaks agree, in [0, 1]. */
  get clarity() {
    return Math.hypot(this._real, this._imaginary) / (this._weight || 1);
  }

  /** What is to be corrected, in whole cents; 0 where nothing is, or no tuning is clear. */
  get correction() {
    const cents = Math.round(this.cents);
    return this.clarity >= CLEAR && Math.abs(cents) >= IN_TUNE ? cents : 0;
  }
}
