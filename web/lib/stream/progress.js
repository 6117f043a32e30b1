/** Progress of several passes over the recording. */

/** Passes of different cost, one after the other, as one share that only grows. */
export class Progress {
  /**
   * @param {readonly string[]} passes in order
   * @param {Readonly<Record<string, number>>} costs of a whole pass, in any one unit
   */
  constructor(passes, costs) {
    /** @type {Map<string, {before: number, own: number}>} shares of the whole */
    this._shares = new Map();
    const total = passes.reduce((sum, pass) => sum + costs[pass], 0);
    let before = 0;
    for (const pass of passes) {
      const own = costs[pass] / total;
      this._shares.set(pass, { before, own });
      before += own;
    }
    this._most = 0;
  }

  /**
   * The share of the whole work that is done.
   * @param {string} pass that is under way
   * @param {number} fraction of it that is done, in [0, 1]
   * @returns {number} in [0, 1]; never less than before
   */
  at(pass, fraction) {
    const share = this._shares.get(pass);
    if (share) this._most = Math.max(this._most, Math.min(1, share.before + share.own * fraction));
    return this._most;
  }
}
