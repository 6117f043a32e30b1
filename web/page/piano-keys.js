/** The keyboard at the roll's left. */

import { prepare } from "./canvas.js";
import { pitchName } from "./texts.js";

/** @param {number} pitch MIDI number */
export function isBlack(pitch) {
  return [1, 3, 6, 8, 10].includes(pitch % 12);
}

/**
 * @param {HTMLCanvasElement} canvas fills its parent
 * @param {ReturnType<typeof import("./canvas.js").readColours>} paint
 * @param {{low: number, high: number, top: number, row: number}} view pitches, and pixels of the
 *   upper edge and of a row
 */
export function drawKeys(canvas, paint, { low, high, top, row }) {
  const { clientWidth: width = 0, clientHeight: height = 0 } = canvas.parentElement ?? {};
  const context = prepare(canvas, width, height);
  const y = (/** @type {number} */ pitch) => top + (high - pitch) * row;
  for (let pitch = low; pitch <= high; pitch++) {
    context.fillStyle = paint.keyWhite;
    context.fillRect(0, y(pitch), width, row + 0.5);
    if (isBlack(pitch)) {
      context.fillStyle = paint.keyBlack;
      context.fillRect(0, y(pitch) + 0.5, width * 0.48, row - 1);
    }
    if (pitch % 12 === 0 || pitch % 12 === 5) {
      context.fillStyle = paint.card === paint.keyWhite ? paint.line : paint.card;
      context.fillRect(0, Math.round(y(pitch) + row) - 1, width, 1);
    }
  }
  context.fillStyle = paint.ink;
  for (let pitch = Math.ceil(low / 12) * 12; pitch <= high; pitch += 12) {
    context.fillText(pitchName(pitch), width * 0.54, y(pitch) + row / 2);
  }
}
