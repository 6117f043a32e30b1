/** The piano roll: pitch over time, drawn on canvas, only what is in view. */

import { PLAIN_BARS } from "../lib/notes/bars.js";
import { LOWEST_PITCH, PITCHES, SECONDS_PER_FRAME } from "../lib/notes/notes.js";
import { ActivationMap } from "./activation-map.js";
import { Bars } from "./bars.js";
import { prepare, readColours } from "./canvas.js";
import { drawNotes } from "./draw-notes.js";
import { element } from "./dom.js";
import { NotesByTime } from "./notes-by-time.js";
import { drawKeys, isBlack } from "./piano-keys.js";
import { followPinch } from "./pinch.js";
import { drawRuler, RULER_PIXELS, TICK_PIXELS } from "./ruler.js";
import { drawStretch, followDrag } from "./stretch.js";

/** @typedef {import("../lib/transcribe.js").Note} Note */

const MOST_PIXELS_PER_SECOND = 900;
/** Fewest pitches in view: with fewer, notes would look like bricks. */
const FEWEST_PITCHES = 30;

export class Roll {
  /**
   * @param {object} handlers
   * @param {(seconds: number) => void} handlers.onSeek
   * @param {(stretch: import("./timeline.js").Stretch) => void} handlers.onMark
   */
  constructor({ onSeek, onMark }) {
    this._keys = element("keys", HTMLCanvasElement);
    this._scroller = element("scroller", HTMLElement);
    this._span = element("span", HTMLElement);
    this._sheet = element("sheet", HTMLCanvasElement);
    this._cursor = element("cursor", HTMLCanvasElement);
    this._notes = new NotesByTime([]);
    this._length = 1;
    this._time = 0;
    /** @type {import("./timeline.js").Stretch | null} */
    this._loop = null;
    this._scale = 100; // pixels a second
    this._low = 48;
    this._high = 84;
    /** @type {Set<number>} */
    this._muted = new Set();
    this._bars = new Bars();
    this._map = new ActivationMap();
    this._mapShown = false;
    this._secondsPerFrame = SECONDS_PER_FRAME;
    this._queued = false;
    this._paint = readColours();
    this._map.setColour(this._paint.ink);
    this._scroller.addEventListener("scroll", () => this.redraw(), { passive: true });
    followDrag(this._scroller, (clientX) => this._secondsAt(clientX), onMark);
    this._scroller.addEventListener("click", (event) => onSeek(this._secondsAt(event.clientX)));
    followPinch(this._scroller, (factor, clientX) => this.zoom(factor, clientX));
    new ResizeObserver(() => {
      this.zoom(1);
      this.redraw();
    }).observe(this._scroller);
  }

  /**
   * Show another recording.
   * @param {number} lengthSeconds
   */
  open(lengthSeconds) {
    this._length = Math.max(0.5, lengthSeconds);
    this._map.open(new Uint8Array(0), 0);
    this._bars.open([], PLAIN_BARS);
    this._time = 0;
    this._notes = new NotesByTime([]);
    this._scale = Math.max(this._scroller.clientWidth / this._length, 56);
    this._scroller.scrollLeft = 0;
    this.zoom(1);
  }

  /**
   * @param {Note[]} notes by start
   * @param {Set<number>} muted timbres
   */
  setNotes(notes, muted) {
    this._notes = new NotesByTime(notes);
    this._muted = muted;
    let low = LOWEST_PITCH + PITCHES;
    let high = 0;
    for (const { pitch } of notes) {
      low = Math.min(low, pitch - 3);
      high = Math.max(high, pitch + 3);
    }
    if (low > high) [low, high] = [52, 80];
    const missing = Math.max(0, FEWEST_PITCHES - (high - low + 1));
    this._low = Math.max(LOWEST_PITCH, low - Math.ceil(missing / 2));
    this._high = Math.min(LOWEST_PITCH + PITCHES - 1, high + Math.floor(missing / 2));
    this.redraw();
  }

  /**
   * @param {number[]} beats seconds, ascending; fewer than two: no bar lines
   * @param {import("../lib/notes/bars.js").Bars} bars
   */
  setBeats(beats, bars) {
    this._bars.open(beats, bars);
    this.redraw();
  }

  /**
   * @param {Uint8Array} activation PITCHES × frames, 255 for 1
   * @param {number} frames
   * @param {number} secondsPerFrame
   */
  setMap(activation, frames, secondsPerFrame) {
    this._secondsPerFrame = secondsPerFrame;
    this._map.open(activation, frames);
    this.redraw();
  }

  /** @param {boolean} shown */
  showMap(shown) {
    this._mapShown = shown;
    this.redraw();
  }

  /**
   * Move the cursor; follow it if it leaves the view.
   * @param {number} seconds
   * @param {boolean} follow
   */
  setTime(seconds, follow) {
    this._time = seconds;
    if (follow) {
      const x = seconds * this._scale - this._scroller.scrollLeft;
      const width = this._scroller.clientWidth;
      if (x < 0 || x > width * 0.92) {
        this._scroller.scrollLeft = Math.max(0, seconds * this._scale - width * 0.12);
      }
    }
    this._drawCursor();
  }

  /** The part that is in view. @returns {import("./timeline.js").Stretch} */
  get view() {
    const { scrollLeft, clientWidth } = this._scroller;
    const to = (scrollLeft + clientWidth) / this._scale;
    return { from: scrollLeft / this._scale, to: Math.min(this._length, to) };
  }

  /** @param {import("./timeline.js").Stretch | null} loop what is played again and again */
  setLoop(loop) {
    this._loop = loop;
    this._drawCursor();
  }

  /**
   * Bring a moment into view, near the right edge.
   * @param {number} seconds
   */
  reveal(seconds) {
    const { clientWidth } = this._scroller;
    this._scroller.scrollLeft = Math.max(0, seconds * this._scale - clientWidth * 0.92);
  }

  /**
   * @param {number} factor
   * @param {number} [clientX] the point that stays in place; default: the cursor, if it is in view,
   *   else the middle
   */
  zoom(factor, clientX) {
    const { left, width } = this._scroller.getBoundingClientRect();
    const cursor = this._time * this._scale - this._scroller.scrollLeft;
    const middle = cursor >= 0 && cursor <= width ? cursor : width / 2;
    const x = clientX === undefined ? middle : clientX - left;
    const seconds = (this._scroller.scrollLeft + x) / this._scale;
    const whole = this._scroller.clientWidth / this._length;
    this._scale = Math.min(
      Math.max(MOST_PIXELS_PER_SECOND, whole),
      Math.max(whole, this._scale * factor),
    );
    this._span.style.width = `${Math.floor(this._length * this._scale)}px`;
    if (factor !== 1) this._scroller.scrollLeft = seconds * this._scale - x;
    this.redraw();
  }

  /** Read the colours again: the theme changed. */
  recolour() {
    this._paint = readColours();
    this._map.setColour(this._paint.ink);
    this.redraw();
  }

  /** Draw at the next frame. */
  redraw() {
    if (this._queued) return;
    this._queued = true;
    requestAnimationFrame(() => {
      this._queued = false;
      if (this._scroller.clientWidth === 0) return;
      this._drawSheet();
      drawKeys(this._keys, this._paint, {
        low: this._low,
        high: this._high,
        top: RULER_PIXELS,
        row: this._rowHeight,
      });
      this._drawCursor();
    });
  }

  /** @param {number} clientX */
  _secondsAt(clientX) {
    const { left } = this._scroller.getBoundingClientRect();
    return Math.min(this._length, (clientX - left + this._scroller.scrollLeft) / this._scale);
  }

  get _rowHeight() {
    return (this._scroller.clientHeight - RULER_PIXELS) / (this._high - this._low + 1);
  }

  /** @param {number} pitch its upper edge */
  _y(pitch) {
    return RULER_PIXELS + (this._high - pitch) * this._rowHeight;
  }

  _drawSheet() {
    const { clientWidth: width, clientHeight: height, scrollLeft } = this._scroller;
    const context = prepare(this._sheet, width, height);
    const { card, lane, line } = this._paint;
    const row = this._rowHeight;
    context.fillStyle = card;
    context.fillRect(0, 0, width, height);
    context.fillStyle = lane;
    for (let pitch = this._low; pitch <= this._high; pitch++) {
      if (isBlack(pitch)) context.fillRect(0, this._y(pitch), width, row);
    }
    if (this._mapShown) {
      this._map.draw(context, {
        start: scrollLeft / this._scale / this._secondsPerFrame,
        end: (scrollLeft + width) / this._scale / this._secondsPerFrame,
        low: this._low - LOWEST_PITCH,
        high: this._high - LOWEST_PITCH,
        top: RULER_PIXELS,
        width,
        height: height - RULER_PIXELS,
      });
    }
    context.fillStyle = line;
    for (let pitch = this._low; pitch <= this._high; pitch++) {
      if (pitch % 12 === 0) context.fillRect(0, Math.round(this._y(pitch) + row) - 1, width, 1);
    }
    const view = { scrollLeft, scale: this._scale, width, top: RULER_PIXELS, height };
    this._bars.draw(context, this._paint, view);
    drawRuler(context, this._paint, { ...view, height: this._bars.isEmpty ? height : TICK_PIXELS });
    drawNotes(context, this._paint, this._notes, this._muted, {
      from: scrollLeft / this._scale,
      to: (scrollLeft + width) / this._scale,
      scale: this._scale,
      row,
      yOf: (pitch) => this._y(pitch),
    });
  }

  _drawCursor() {
    const { clientWidth: width, clientHeight: height, scrollLeft } = this._scroller;
    if (width === 0) return;
    const context = prepare(this._cursor, width, height);
    if (this._loop) drawStretch(context, this._paint, this._loop, { scrollLeft, scale: this._scale, height });
    const x = this._time * this._scale - scrollLeft;
    if (x < -8 || x > width + 8) return;
    context.strokeStyle = this._paint.ink;
    context.lineWidth = 1.5;
    // Outline the notes that sound now.
    for (const { start, end, pitch, timbre } of this._notes.between(this._time, this._time)) {
      if (this._time === 0 || this._muted.has(timbre)) continue;
      const left = start * this._scale - scrollLeft;
      context.strokeRect(left, this._y(pitch), (end - start) * this._scale - 1, this._rowHeight);
    }
    context.fillStyle = this._paint.warm;
    context.fillRect(x - 0.75, 6, 1.5, height);
    context.beginPath();
    context.arc(x, 7, 5, 0, 2 * Math.PI);
    context.fill();
  }
}
