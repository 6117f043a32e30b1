/**
 * Detects recordings without music, by the energies of the networks' front end. Recordings are
 * brought to one level first, and activations divided by their maximum, so the networks find notes
 * in hiss and hum too.
 */

/** Bins in use: from a fifth above the lowest pitch up to the limit of recorders. */
const RANGE = Object.freeze({ from: 18, to: 200 });
/** Bins on either side that a bin is compared with: two semitones. */
const REACH = 6;
/**
 * Smallest contrast of bins with their neighbours, in logarithms, at which there may be pitches:
 * noise of any colour has 1.16, a click less, music 1.5 or more.
 */
const CONTRAST = 1.35;
/** Smallest agreement of peaks on a tuning that proves pitches at any contrast. */
const CLEAR = 0.2;
/** Largest deviation of loudness over its mean that counts as steady: hum has 0.04, music over 0.5. */
const STEADY = 0.1;
/** Smallest share of hum's energy near its first partials. */
const HUMMING = 0.7;
/** Lowest bin, and bins an octave (export/nets/front_end.py). */
const LOWEST_HZ = 32.07955284;
const PER_OCTAVE = 36;
/** Bins within one of the first six partials of either mains frequency. */
const HUM_BINS = [50, 60].map((hz) =>
  [1, 2, 3, 4, 5, 6].flatMap((partial) => {
    const bin = Math.round(PER_OCTAVE * Math.log2((partial * hz) / LOWEST_HZ));
    return [bin - 1, bin, bin + 1];
  }),
);

/** Gathers a recording's spectrum, a chunk at a time. */
export class Noise {
  constructor() {
    this._contrast = 0;
    this._weight = 0;
    /** @type {Float64Array} energy of each bin */
    this._energies = new Float64Array(0);
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
    if (this._energies.length === 0) this._energies = new Float64Array(bins);
    const levels = new Float64Array(RANGE.to - RANGE.from);
    for (let t = start; t < end; t++) {
      let total = 0;
      for (let k = 0; k < bins; k++) {
        total += energy[k * width + t];
        this._energies[k] += energy[k * width + t];
      }
      if (!(total > 0)) continue;
      for (let i = 0; i < levels.length; i++) {
        levels[i] = Math.log(energy[(RANGE.from + i) * width + t] + 1e-30);
      }
      const weight = Math.sqrt(total);
      this._contrast += weight * contrastOf(levels);
      this._weight += weight;
    }
  }

  /** Contrast of bins with their neighbours, in logarithms. */
  get contrast() {
    return this._contrast / (this._weight || 1);
  }

  /**
   * Whether the recording holds only noise, clicks or hum.
   * @param {number} clarity of its tuning, in [0, 1]
   * @param {number} unrest deviation of its loudness, over the mean
   */
  isAll(clarity, unrest) {
    if (clarity < CLEAR) return this.contrast < CONTRAST;
    if (unrest > STEADY) return false;
    const sum = (/** @type {Iterable<number>} */ values) => [...values].reduce((a, b) => a + b, 0);
    const total = sum(this._energies);
    return HUM_BINS.some((near) => {
      const hum = sum([...new Set(near)].map((bin) => this._energies[bin]));
      return hum > HUMMING * total;
    });
  }
}

/**
 * Root mean square distance of values from the mean of those around them.
 * @param {Float64Array} levels
 */
function contrastOf(levels) {
  let sum = 0; // of those within REACH
  let count = 0;
  let squares = 0;
  for (let i = -REACH; i < levels.length; i++) {
    if (i + REACH < levels.length) {
      sum += levels[i + REACH];
      count++;
    }
    if (i - REACH - 1 >= 0) {
      sum -= levels[i - REACH - 1];
      count--;
    }
    if (i >= 0) squares += (levels[i] - sum / count) ** 2;
  }
  return Math.sqrt(squares / levels.length);
}
