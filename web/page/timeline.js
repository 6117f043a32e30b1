/** Where in a recording it is while it plays: perhaps slowly, perhaps a stretch again and again. */

/** @typedef {{from: number, to: number}} Stretch seconds of the recording */

export class Timeline {
  /**
   * @param {object} line
   * @param {number} line.offset seconds of the recording at which it starts, before the stretch's end
   * @param {number} line.startedAt on the clock, in seconds; Infinity: it has not yet
   * @param {number} line.speed 1: as recorded
   * @param {Stretch | null} line.loop
   */
  constructor({ offset, startedAt, speed, loop }) {
    this.offset = offset;
    this.startedAt = startedAt;
    this.speed = speed;
    this.loop = loop;
  }

  /** Seconds of the recording, as if rounds followed each other. @param {number} clock */
  _passed(clock) {
    if (this.startedAt === Infinity) return this.offset;
    return this.offset + Math.max(0, clock - this.startedAt) * this.speed;
  }

  /** Rounds of the stretch that are over. @param {number} clock */
  round(clock) {
    const passed = this._passed(clock);
    if (!this.loop || passed < this.loop.to) return 0;
    const { from, to } = this.loop;
    return Math.floor((passed - from) / (to - from));
  }

  /** Seconds of the recording. @param {number} clock */
  position(clock) {
    const { loop } = this;
    const over = loop ? this.round(clock) * (loop.to - loop.from) : 0;
    return this._passed(clock) - over;
  }

  /**
   * The moment, on the clock, of a place in the recording.
   * @param {number} seconds
   * @param {number} round in which it is passed
   */
  moment(seconds, round) {
    const over = this.loop ? round * (this.loop.to - this.loop.from) : 0;
    return this.startedAt + (seconds + over - this.offset) / this.speed;
  }
}
