/**
 * The deviation of a recording's pitches from A = 440 Hz, by the energies of the networks' front end:
 * three bins per semitone, a pitch in the middle one.
 */

/** Bins a semitone. */
const PER_SEMITONE = 3;
/** Bins whose peaks count: from a fifth above the lowest pitch up to where strings are inharmonic. */
const RANGE = Object.freeze({ from: 18, to: 200 });
/** Smallest energy of a peak, as a share of its frame's largest. */
const FAINT = 1e-3;
/** Smallest agreement of peaks that counts as a tuning: noise and speech reach 0.1, music 0.45. */
const CLEAR = 0.25;
/** Largest deviation; not 50, since pianos in tune measure 1 to 4 cents flat: their low strings do. */
const SHARPEST = 48;
/** Cents that are not corrected, since they do not trouble the networks. */
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

  /**
   * How sharp the recording is, in cents in (SHARPEST - 100, SHARPEST]. Half a semitone sharp and
   * half a semitone flat differ only by the names of the notes: nobody can tell them apart. (The key
   * with fewer accidentals was right for 5 of 8 recordings.)
   */
  get cents() {
    const cents = (100 * Math.atan2(this._imaginary, this._real)) / (2 * Math.PI);
    return cents > SHARPEST ? cents - 100 : cents;
  }

  /** Agreement of the peaks, in [0, 1]. */
  get clarity() {
    return Math.hypot(this._real, this._imaginary) / (this._weight || 1);
  }

  /** The correction, in whole cents; 0 if none is needed, or if no tuning is clear. */
  get correction() {
    const cents = Math.round(this.cents);
    return this.clarity >= CLEAR && Math.abs(cents) >= IN_TUNE ? cents : 0;
  }
}
