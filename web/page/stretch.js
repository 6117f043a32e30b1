/** A stretch of the recording, marked by dragging along the ruler. */

import { RULER_PIXELS } from "./ruler.js";

/** Pixels from which on a click is a drag. */
const DRAG_PIXELS = 5;

/**
 * @param {HTMLElement} scroller
 * @param {(clientX: number) => number} secondsAt
 * @param {(stretch: import("./timeline.js").Stretch) => void} onMark called while it is dragged
 */
export function followDrag(scroller, secondsAt, onMark) {
  let begunAt = NaN;
  let dragged = false;
  scroller.addEventListener("pointerdown", (event) => {
    const inRuler = event.clientY - scroller.getBoundingClientRect().top < RULER_PIXELS;
    // A finger scrolls.
    begunAt = inRuler && event.button === 0 && event.pointerType !== "touch" ? event.clientX : NaN;
    dragged = false;
  });
  addEventListener("pointermove", ({ clientX }) => {
    if (!(Math.abs(clientX - begunAt) >= DRAG_PIXELS || (dragged && !Number.isNaN(begunAt)))) return;
    dragged = true;
    const [from, to] = [secondsAt(begunAt), secondsAt(clientX)].sort((a, b) => a - b);
    onMark({ from: Math.max(0, from), to });
  });
  addEventListener("pointerup", () => (begunAt = NaN));
  // The click that ends a drag moves no cursor.
  scroller.addEventListener("click", (event) => dragged && event.stopImmediatePropagation());
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {{warm: string}} paint
 * @param {import("./timeline.js").Stretch} stretch
 * @param {{scrollLeft: number, scale: number, height: number}} view scale: pixels a second
 */
export function drawStretch(context, { warm }, stretch, { scrollLeft, scale, height }) {
  const [from, to] = [stretch.from, stretch.to].map((seconds) => seconds * scale - scrollLeft);
  context.fillStyle = warm;
  context.globalAlpha = 0.22;
  context.fillRect(from, 0, to - from, RULER_PIXELS);
  context.globalAlpha = 0.7;
  for (const edge of [from, to - 1.5]) context.fillRect(edge, 0, 1.5, height);
  context.globalAlpha = 1;
}
