/** The sliders for thresholds; changes are kept for each recording and model. */

import { SECONDS_PER_FRAME } from "../lib/notes/notes.js";
import { element } from "./dom.js";
import { text } from "./texts.js";

/** @typedef {Required<import("../lib/notes/notes.js").Thresholds>} Thresholds */

const frame = element("frame-threshold", HTMLInputElement);
const onset = element("onset-threshold", HTMLInputElement);
const shortest = element("minimum-length", HTMLInputElement);

/** Those that the visitor moved, by model. @type {Map<string, Thresholds>} */
let moved = new Map();
let model = "";
/** @type {Thresholds} */
let usual = { frame: 0.3, onset: 0.3, minimumFrames: 6, toleranceFrames: 10 };

/** @param {() => void} onChange */
export function startTuner(onChange) {
  for (const slider of [frame, onset, shortest]) {
    slider.addEventListener("input", () => {
      moved.set(model, {
        ...usual,
        frame: Number(frame.value),
        onset: Number(onset.value),
        minimumFrames: Number(shortest.value),
      });
      showValues();
      onChange();
    });
  }
  element("reset", HTMLButtonElement).addEventListener("click", () => {
    moved.delete(model);
    set();
    onChange();
  });
}

/**
 * Tune one recording; another one starts from the model's own thresholds.
 * @param {Map<string, Thresholds>} kept its moved thresholds, by model
 * @param {string} name of the model
 * @param {Thresholds} own the model's
 */
export function tuneFor(kept, name, own) {
  [moved, model, usual] = [kept, name, own];
  set();
}

function set() {
  const { frame: level, onset: start, minimumFrames } = moved.get(model) ?? usual;
  frame.value = String(level);
  onset.value = String(start);
  shortest.value = String(minimumFrames);
  showValues();
}

/** Write the numbers beside the sliders, in the current language. */
export function showValues() {
  element("frame-value", HTMLOutputElement).value = Number(frame.value).toFixed(2);
  element("onset-value", HTMLOutputElement).value = Number(onset.value).toFixed(2);
  const value = Math.round(1000 * SECONDS_PER_FRAME * Number(shortest.value));
  element("minimum-value", HTMLOutputElement).value = text("milliseconds", { value });
}
