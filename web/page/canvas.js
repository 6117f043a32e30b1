/** Sharp canvases, in the style sheet's colours. */

/** Colours of timbres in the style sheet. */
export const COLOURS = 6;

/**
 * Size a canvas in CSS pixels, at the screen's resolution, and clear it.
 * @param {HTMLCanvasElement} canvas
 * @param {number} width
 * @param {number} height
 */
export function prepare(canvas, width, height) {
  const ratio = window.devicePixelRatio || 1;
  const [w, h] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== w || canvas.height !== h) {
    canvas.width = w;
    canvas.height = h;
    canvas.style.width = `${width}px`;
    canvas.style.height = `${height}px`;
  }
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  context.font = `11px ${getComputedStyle(document.body).fontFamily}`;
  context.textBaseline = "middle";
  return context;
}

/** The colours of the current theme. */
export function readColours() {
  const style = getComputedStyle(document.documentElement);
  const read = (/** @type {string} */ name) => style.getPropertyValue(`--${name}`).trim();
  return {
    card: read("card"),
    lane: read("lane"),
    line: read("line"),
    bar: read("bar"),
    ink: read("ink"),
    soft: read("soft"),
    warm: read("warm"),
    keyWhite: read("key-white"),
    keyBlack: read("key-black"),
    timbres: Array.from({ length: COLOURS }, (_, i) => read(`timbre-${i + 1}`)),
  };
}
