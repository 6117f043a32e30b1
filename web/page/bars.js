/** Bar lines, where a MIDI file with these beats and bars has them. */

import { PLAIN_BARS } from "../lib/notes/bars.js";
import { leadOf } from "../lib/notes/tempo.js";

/** Fewest pixels from one line to the next. */
const LINES_APART = 14;

/**
 * The beats from 0 to the end: as many as fit before the first one, then those given.
 * @param {number[]} beats seconds, ascending
 * @returns {number[]}
 */
function beatsFromStart(beats) {
  if (beats.length < 2) return [];
  const lead = leadOf(beats);
  return [...Array.from({ length: lead }, (_, i) => (i * beats[0]) / lead), ...beats];
}

export class Bars {
  constructor() {
    /** @type {number[]} */
    this._beats = [];
    /** Beats a bar, and those before the first bar line. */
    this._meter = PLAIN_BARS.meter;
    this._pickUp = 0;
  }

  /**
   * @param {number[]} beats seconds, ascending; fewer than two: no bars
   * @param {import("../lib/notes/bars.js").Bars} bars
   */
  open(beats, { meter, first }) {
    this._beats = beatsFromStart(beats);
    this._meter = meter;
    this._pickUp = this.isEmpty ? 0 : (leadOf(beats) + first) % meter;
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
    const meter = this._meter;
    let step = apart >= LINES_APART ? 1 : meter;
    while (step * apart < LINES_APART) step *= 2; // every second bar, every fourth, …
    for (let i = step < meter ? 0 : this._pickUp; i < beats.length; i += step) {
      const x = Math.round(beats[i] * scale - scrollLeft);
      if (x < 0 || x > width) continue;
      context.fillStyle = i % meter === this._pickUp && step < meter ? bar : line;
      context.fillRect(x, top, 1, height);
    }
  }
}
