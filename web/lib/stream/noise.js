/**
 * Whether there is any music in a recording, by the energies that the networks hear. They are
 * brought to one level first, and what they find is divided by its largest value: so in hiss and
 * hum they find notes as well.
 */

/** Bins that are looked at: a fifth above the lowest pitch, up to where recorders cut. */
const RANGE = Object.freeze({ from: 18, to: 200 });
/** Bins to either side that a bin is compared with: two semitones. */
const REACH = 6;
/**
 * How far, in logarithms, bins stand out of their neighbours from which on there may be pitches:
 * noise of any colour has 1.16, a click less, music from 1.5 on.
 */
const CONTRAST = 1.35;
/** How much peaks agree on a tuning, from which on there are pitches whatever the contrast. */
const CLEAR = 0.2;
/** Deviation of loudness over its mean up to which nothing happens: hum has 0.04, music from 0.5. */
const STEADY = 0.1;
/** Share of the energy that hum has near its first partials. */
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

  /** How far bins stand out of their neighbours, in logarithms. */
  get contrast() {
    return this._contrast / (this._weight || 1);
  }

  /**
   * Whether the recording is noise, clicks or hum, and nothing else.
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
