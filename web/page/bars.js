/** Bar lines, where a MIDI file with these beats has them: a bar of four from its beginning. */

const BEATS_A_BAR = 4;
/** Fewest pixels from one line to the next. */
const LINES_APART = 14;

/**
 * The beats from 0 to the end: as many as fit before the first one, then those given.
 * @param {number[]} beats seconds, ascending
 * @returns {number[]}
 */
function beatsFromStart(beats) {
  if (beats.length < 2) return [];
  const lead = Math.round(beats[0] / (beats[1] - beats[0]));
  return [...Array.from({ length: lead }, (_, i) => (i * beats[0]) / lead), ...beats];
}

export class Bars {
  constructor() {
    /** @type {number[]} */
    this._beats = [];
  }

  /** @param {number[]} beats seconds, ascending; fewer than two: no bars */
  open(beats) {
    this._beats = beatsFromStart(beats);
  }

  get isEmpty() {
    return this._beats.length === 0;
  }

  /**
   * @param {CanvasRenderingContext2D} context
   * @param {{bar: string, line: string}} paint
   * @param {{scrollLeft: number, scale: number, width: number, top: number, height: number}} view
   *   scale: pixels a second
   */
  draw(context, { bar, line }, { scrollLeft, scale, width, top, height }) {
    const beats = this._beats;
    if (this.isEmpty) return;
    const apart = ((beats[beats.length - 1] - beats[0]) / (beats.length - 1)) * scale;
    let step = apart >= LINES_APART ? 1 : BEATS_A_BAR;
    while (step * apart < LINES_APART) step *= 2; // every second bar, every fourth, …
    for (let i = 0; i < beats.length; i += step) {
      const x = Math.round(beats[i] * scale - scrollLeft);
      if (x < 0 || x > width) continue;
      context.fillStyle = i % BEATS_A_BAR === 0 && step < BEATS_A_BAR ? bar : line;
      context.fillRect(x, top, 1, height);
    }
  }
}
