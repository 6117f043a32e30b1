/** The tempo and the bars: what was found, overruled by hand; and the grid that notes are moved to. */

import { doubleBeats, halveBeats } from "../lib/notes/beats.js";
import { bpmOf, FASTEST_BPM, SLOWEST_BPM, steadyBeats } from "../lib/notes/steady.js";
import { element } from "./dom.js";
import { text } from "./texts.js";

/** Milliseconds after which a tap begins a new series. */
const PAUSE_MS = 2500;
/** Taps that are needed. */
const TAPS = 3;

const field = element("bpm", HTMLInputElement);
const grid = element("grid", HTMLSelectElement);
const meter = element("meter", HTMLSelectElement);
const halve = element("halve", HTMLButtonElement);
const double = element("double", HTMLButtonElement);

/** @type {import("./recording.js").Recording | null} */
let recording = null;
/** What the field shows of the tempo, rounded. */
let written = "";
/** @type {number[]} milliseconds */
let taps = [];

/** @param {() => void} onChange called when beats, bars or grid changed */
export function startTempo(onChange) {
  /** @param {(one: import("./recording.js").Recording) => number[]} change */
  const overrule = (change) => {
    if (!recording) return;
    recording.beats = change(recording);
    onChange();
  };
  /** @param {number} bpm */
  const set = (bpm) => overrule(({ made }) => steadyBeats(made.notes, bpm));
  const follow = () => {
    if (field.value === written) return;
    const bpm = Number.parseFloat(field.value.normalize("NFKC").replace(",", ".")); // １２０ too
    if (bpm > 0) set(Math.min(FASTEST_BPM, Math.max(SLOWEST_BPM, bpm)));
    else overrule(({ found }) => found.times);
  };
  field.addEventListener("change", follow);
  field.addEventListener("keydown", ({ key }) => key === "Enter" && follow());
  halve.addEventListener("click", () => overrule(({ beats }) => halveBeats(beats)));
  double.addEventListener("click", () => overrule(({ beats }) => doubleBeats(beats)));
  element("tap", HTMLButtonElement).addEventListener("click", ({ timeStamp }) => {
    if (timeStamp - (taps.at(-1) ?? -Infinity) > PAUSE_MS) taps = [];
    taps.push(timeStamp);
    const bpm = (60_000 * (taps.length - 1)) / (timeStamp - taps[0]);
    if (taps.length >= TAPS && bpm <= FASTEST_BPM) set(bpm);
  });
  meter.addEventListener("change", () => {
    if (recording) recording.meter = Number(meter.value);
    onChange();
  });
  grid.addEventListener("change", () => {
    if (recording) recording.grid = Number(grid.value);
    onChange();
  });
  element("tempo", HTMLFormElement).addEventListener("submit", (event) => event.preventDefault());
}

/** @param {import("./recording.js").Recording} one to show the tempo of, in the current language */
export function showTempo(one) {
  if (recording !== one) taps = [];
  recording = one;
  const bpm = bpmOf(one.beats);
  field.value = written = bpm > 0 ? String(Math.round(10 * bpm) / 10) : "";
  grid.value = String(one.grid);
  meter.options[0].textContent = text("meter_found", { meter: one.foundBars.meter });
  meter.value = String(one.meter);
  halve.disabled = one.beats.length < 4 || bpm / 2 < SLOWEST_BPM;
  double.disabled = one.beats.length < 2 || 2 * bpm > FASTEST_BPM;
  const { found } = one;
  const kind = found.times.length < 2 ? "tempo_none" : found.even ? "tempo_even" : "tempo_moving";
  const said = text(kind, { bpm: Math.round(found.bpm) });
  element("tempo-found", HTMLElement).textContent =
    one.beats === found.times ? said : text("tempo_overruled", { said });
}
