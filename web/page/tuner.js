/** How notes are made: thresholds, overtones, tuning; changes are kept for each recording and model. */

import { SECONDS_PER_FRAME } from "../lib/notes/notes.js";
import { element } from "./dom.js";
import { text } from "./texts.js";

/** @typedef {Required<import("../lib/notes/notes.js").Thresholds>} Thresholds */

const frame = element("frame-threshold", HTMLInputElement);
const onset = element("onset-threshold", HTMLInputElement);
const shortest = element("minimum-length", HTMLInputElement);
const overtones = element("overtones", HTMLInputElement);
const tuning = element("tuning", HTMLInputElement);

/** @type {import("./recording.js").Recording | null} */
let recording = null;
let model = "";
/** @type {Thresholds} */
let usual = { frame: 0.3, onset: 0.3, minimumFrames: 6, toleranceFrames: 10 };

/**
 * @param {object} handlers
 * @param {() => void} handlers.onTune called when notes are to be made again
 * @param {() => void} handlers.onRetune called when the network is to run again
 */
export function startTuner({ onTune, onRetune }) {
  for (const slider of [frame, onset, shortest]) {
    slider.addEventListener("input", () => {
      recording?.moved.set(model, {
        ...usual,
        frame: Number(frame.value),
        onset: Number(onset.value),
        minimumFrames: Number(shortest.value),
      });
      showValues();
      onTune();
    });
  }
  overtones.addEventListener("change", () => {
    if (recording) recording.keepOvertones = overtones.checked;
    onTune();
  });
  tuning.addEventListener("change", () => {
    if (recording) recording.tuning = tuning.checked ? "auto" : 0;
    onRetune();
  });
  element("reset", HTMLButtonElement).addEventListener("click", () => {
    recording?.moved.delete(model);
    if (recording) recording.keepOvertones = false;
    set();
    onTune();
  });
}

/**
 * Tune one recording; another one starts from the model's own thresholds.
 * @param {import("./recording.js").Recording} one
 * @param {string} name of the model
 * @param {Thresholds} own the model's
 */
export function tuneFor(one, name, own) {
  [recording, model, usual] = [one, name, own];
  set();
}

function set() {
  const { frame: level, onset: start, minimumFrames } = recording?.moved.get(model) ?? usual;
  frame.value = String(level);
  onset.value = String(start);
  shortest.value = String(minimumFrames);
  showValues();
}

/** Write the numbers beside the sliders, in the current language, and set the switches. */
export function showValues() {
  overtones.checked = recording?.keepOvertones ?? false;
  tuning.checked = recording?.tuning !== 0;
  element("frame-value", HTMLOutputElement).value = Number(frame.value).toFixed(2);
  element("onset-value", HTMLOutputElement).value = Number(onset.value).toFixed(2);
  const value = Math.round(1000 * SECONDS_PER_FRAME * Number(shortest.value));
  element("minimum-value", HTMLOutputElement).value = text("milliseconds", { value });
}
