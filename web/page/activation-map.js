/** The network's frame activation as a picture behind the notes. */

import { PITCHES } from "../lib/notes/notes.js";

/**
 * @typedef {object} View
 * @property {number} start first frame, may be a fraction
 * @property {number} end
 * @property {number} low row, 0 … PITCHES − 1
 * @property {number} high row
 * @property {number} top pixels
 * @property {number} width pixels
 * @property {number} height pixels
 */

export class ActivationMap {
  constructor() {
    /** @type {Uint8Array} */
    this._activation = new Uint8Array(0);
    this._frames = 0;
    this._colour = [0, 0, 0];
    this._tile = document.createElement("canvas");
  }

  /**
   * @param {Uint8Array} activation PITCHES × frames, 255 for 1
   * @param {number} frames
   */
  open(activation, frames) {
    this._activation = activation;
    this._frames = frames;
  }

  /** @param {string} colour of full activation, as #rrggbb */
  setColour(colour) {
    this._colour = [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));
  }

  /**
   * @param {CanvasRenderingContext2D} context
   * @param {View} view
   */
  draw(context, { start, end, low, high, top, width, height }) {
    const first = Math.max(0, Math.floor(start));
    const last = Math.min(this._frames, Math.ceil(end));
    if (last <= first) return;
    // One column per frame, or per pixel if frames are narrower.
    const columns = Math.min(last - first, Math.ceil(width));
    const rows = high - low + 1;
    this._tile.width = columns;
    this._tile.height = rows;
    const tile = /** @type {CanvasRenderingContext2D} */ (this._tile.getContext("2d"));
    const image = tile.createImageData(columns, rows);
    const step = (last - first) / columns;
    for (let r = 0; r < rows; r++) {
      const row = Math.min(PITCHES - 1, high - r);
      for (let c = 0; c < columns; c++) {
        const from = row * this._frames + first + Math.floor(c * step);
        const to = row * this._frames + first + Math.max(1, Math.floor((c + 1) * step));
        let most = 0;
        for (let i = from; i < to || i === from; i++) most = Math.max(most, this._activation[i]);
        const at = 4 * (r * columns + c);
        image.data.set(this._colour, at);
        image.data[at + 3] = most * 0.55;
      }
    }
    tile.putImageData(image, 0, 0);
    const scale = width / (end - start);
    context.imageSmoothingEnabled = false;
    context.drawImage(
      this._tile,
      (first - start) * scale,
      top,
      (last - first) * scale,
      height,
    );
  }
}
