/** Notes as bars: their timbre's colour, stronger the louder they are. */

import { COLOURS } from "./canvas.js";

/**
 * @param {CanvasRenderingContext2D} context
 * @param {{timbres: string[]}} paint
 * @param {import("./notes-by-time.js").NotesByTime} notes
 * @param {Set<number>} muted timbres, which are pale
 * @param {{from: number, to: number, scale: number, row: number, yOf: (pitch: number) => number}} view
 *   from, to: seconds; scale: pixels a second; row: pixels of a pitch; yOf: its upper edge
 */
export function drawNotes(context, paint, notes, muted, { from, to, scale, row, yOf }) {
  const gap = row > 6 ? 1 : 0;
  for (const note of notes.between(from, to)) {
    const x = (note.start - from) * scale;
    const width = Math.max(1.5, (note.end - note.start) * scale - 1);
    context.fillStyle = paint.timbres[note.timbre % COLOURS];
    context.globalAlpha = muted.has(note.timbre) ? 0.13 : 0.38 + 0.62 * note.velocity;
    const y = yOf(note.pitch) + gap;
    if (width > 5 && row > 5) {
      context.beginPath();
      context.roundRect(x, y, width, row - 2 * gap, Math.min(3, row / 3, width / 3));
      context.fill();
    } else context.fillRect(x, y, width, row - 2 * gap);
  }
  context.globalAlpha = 1;
}
