/** A chip for each timbre: its colour, how many notes it has, mute and solo. */

import { COLOURS } from "./canvas.js";
import { element } from "./dom.js";
import { text } from "./texts.js";

const legend = element("legend", HTMLElement);

/** @type {Set<number>} */
const muted = new Set();
/** @type {number | null} */
let solo = null;

/** Timbres that are not to be heard. @param {number} timbres @returns {Set<number>} */
export function mutedTimbres(timbres) {
  if (solo === null) return new Set(muted);
  return new Set(Array.from({ length: timbres }, (_, i) => i).filter((i) => i !== solo));
}

export function clearMutes() {
  muted.clear();
  solo = null;
}

/**
 * @param {import("../lib/transcribe.js").Note[]} notes
 * @param {number} timbres
 * @param {() => void} onChange
 */
export function showLegend(notes, timbres, onChange) {
  if (solo !== null && solo >= timbres) solo = null;
  legend.replaceChildren();
  if (timbres < 2) return;
  const counts = new Array(timbres).fill(0);
  for (const note of notes) counts[note.timbre]++;
  counts.forEach((count, timbre) => legend.append(chip(timbre, count, onChange)));
}

/**
 * @param {number} timbre
 * @param {number} count
 * @param {() => void} onChange
 */
function chip(timbre, count, onChange) {
  const number = timbre + 1;
  const box = document.createElement("span");
  box.className = "chip";
  const swatch = document.createElement("i");
  swatch.className = "swatch";
  swatch.style.background = `var(--timbre-${(timbre % COLOURS) + 1})`;
  const mute = document.createElement("button");
  mute.className = "mute";
  const name = `${text("timbre", { number })} · ${count}`;
  mute.append(swatch, name);
  mute.setAttribute("aria-label", `${name}: ${text("mute", { number })}`);
  const only = document.createElement("button");
  only.className = "solo";
  only.append(headphones());
  only.setAttribute("aria-label", text("solo", { number }));
  only.title = text("solo", { number });
  mute.title = text("mute", { number });
  for (const button of [mute, only]) button.type = "button";
  mute.setAttribute("aria-pressed", String(muted.has(timbre)));
  only.setAttribute("aria-pressed", String(solo === timbre));
  mute.addEventListener("click", () => {
    if (!muted.delete(timbre)) muted.add(timbre);
    mute.setAttribute("aria-pressed", String(muted.has(timbre)));
    onChange();
  });
  only.addEventListener("click", () => {
    solo = solo === timbre ? null : timbre;
    for (const other of legend.querySelectorAll(".solo")) other.setAttribute("aria-pressed", "false");
    only.setAttribute("aria-pressed", String(solo === timbre));
    onChange();
  });
  box.append(mute, only);
  return box;
}

/** The sign for "listen to this alone". */
function headphones() {
  const space = "http://www.w3.org/2000/svg";
  const icon = document.createElementNS(space, "svg");
  icon.setAttribute("viewBox", "0 0 16 16");
  icon.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(space, "path");
  path.setAttribute("d", "M2 13V8.5a6 6 0 0 1 12 0V13h-3.2V8.8h1.5a4.4 4.4 0 0 0-8.6 0h1.5V13z");
  path.setAttribute("fill", "currentColor");
  icon.append(path);
  return icon;
}
