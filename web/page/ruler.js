/** The roll's ruler of time. */

import { clock } from "./texts.js";

export const RULER_PIXELS = 24;
/** Height of a mark within it. */
export const TICK_PIXELS = 7;
/** Choices of seconds between marks; the smallest that leaves room is used. */
const MARKS = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300];
/** Pixels that a mark's label needs. */
const LABEL_PIXELS = 64;

/**
 * @param {CanvasRenderingContext2D} context
 * @param {ReturnType<typeof import("./canvas.js").readColours>} paint
 * @param {{scrollLeft: number, scale: number, width: number, height: number}} view scale: pixels
 *   a second; height: of the marks' lines
 */
export function drawRuler(context, { line, soft }, { scrollLeft, scale, width, height }) {
  const step = MARKS.find((mark) => mark * scale >= LABEL_PIXELS) ?? 600;
  for (let i = Math.floor(scrollLeft / scale / step); ; i++) {
    const x = i * step * scale - scrollLeft;
    if (x > width) break;
    context.fillStyle = line;
    context.fillRect(Math.round(x), RULER_PIXELS - TICK_PIXELS, 1, height);
    context.fillStyle = soft;
    const label = step < 1 ? `${(i * step).toFixed(1)}` : clock(i * step);
    context.fillText(label, x + 5, RULER_PIXELS / 2);
  }
}
