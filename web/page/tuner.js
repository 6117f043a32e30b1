/** The sliders for thresholds; changes are kept for each model. */

import { SECONDS_PER_FRAME } from "../lib/notes/notes.js";
import { element } from "./dom.js";
import { text } from "./texts.js";

/** @typedef {Required<import("../lib/notes/notes.js").Thresholds>} Thresholds */

const frame = element("frame-threshold", HTMLInputElement);
const onset = element("onset-threshold", HTMLInputElement);
const shortest = element("minimum-length", HTMLInputElement);

/** @type {Map<string, Thresholds>} */
const moved = new Map();
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
 * @param {string} name of the model
 * @param {Thresholds} thresholds its own
 */
export function tuneFor(name, thresholds) {
  model = name;
  usual = thresholds;
  set();
}

/** @returns {Thresholds} */
export function tunedThresholds() {
  return moved.get(model) ?? usual;
}

/**
 * Changed thresholds of a model, which may not be the one on show.
 * @param {string} name
 * @returns {Thresholds | undefined} undefined: its own
 */
export function movedThresholds(name) {
  return moved.get(name);
}

function set() {
  const { frame: level, onset: start, minimumFrames } = tunedThresholds();
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
