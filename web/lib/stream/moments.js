/**
 * Mean and variance of a whole recording from those of its frames, in float64, one frame at a time.
 */

/** Moments of one series per row, each frame weighing the same. */
export class Moments {
  /** @param {number} rows */
  constructor(rows) {
    /** Frames so far. */
    this.count = 0;
    this._means = new Float64Array(rows);
    this._within = new Float64Array(rows); // sum of the frames' own variances
    this._between = new Float64Array(rows); // sum of squared deviations of the frames' means
  }

  /**
   * Add the frames of one chunk by Welford's update (1962), which loses no digits to a large mean.
   *
   * @param {ArrayLike<number>} means rows × width, row after row
   * @param {ArrayLike<number> | null} variances the same; null if a frame is a single value
   * @param {number} width frames of a row
   * @param {number} start first frame that counts: the halo does not
   * @param {number} end exclusive
   */
  add(means, variances, width, start, end) {
    for (let row = 0; row < this._means.length; row++) {
      let count = this.count;
      for (let i = row * width + start; i < row * width + end; i++) {
        const step = means[i] - this._means[row];
        this._means[row] += step / ++count;
        this._between[row] += step * (means[i] - this._means[row]);
        if (variances) this._within[row] += variances[i];
      }
    }
    this.count += end - start;
  }

  /** @returns {Float64Array} one mean a row */
  get means() {
    return this._means.slice();
  }

  /** @returns {Float64Array} one variance a row, of the population */
  get variances() {
    return this._between.map((between, row) => (between + this._within[row]) / this.count);
  }

  /**
   * @param {number} [cells] number of values in a frame
   * @returns {Float64Array} one unbiased variance a row; NaN for a single value
   */
  unbiasedVariances(cells = 1) {
    const values = this.count * cells;
    return this.variances.map((variance) => (variance * values) / (values - 1));
  }
}
