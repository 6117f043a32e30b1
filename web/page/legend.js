/** A chip for each timbre: its colour, how many notes it has, its name, mute, solo, and its own file. */

import { COLOURS } from "./canvas.js";
import { element } from "./dom.js";
import { saveTimbre } from "./downloads.js";
import { text } from "./texts.js";

/** @typedef {import("./recording.js").Recording} Recording */

const legend = element("legend", HTMLElement);

/** @type {Set<number>} */
const muted = new Set();
/** @type {number | null} */
let solo = null;

/** Timbres that are not to be heard; one alone has no switch. @param {number} timbres @returns {Set<number>} */
export function mutedTimbres(timbres) {
  if (timbres < 2) return new Set();
  if (solo === null) return new Set(muted);
  return new Set(Array.from({ length: timbres }, (_, i) => i).filter((i) => i !== solo));
}

export function clearMutes() {
  muted.clear();
  solo = null;
}

/**
 * @param {Recording} recording
 * @param {() => void} onChange called when a timbre was muted, unmuted or named
 */
export function showLegend(recording, onChange) {
  const { notes, timbres, perhaps } = recording.made;
  if (solo !== null && solo >= timbres) solo = null;
  legend.replaceChildren();
  if (timbres < 2 && perhaps > 1) legend.append(question(perhaps));
  if (timbres < 2) return;
  const counts = new Array(timbres).fill(0);
  for (const note of notes) counts[note.timbre]++;
  counts.forEach((count, timbre) => legend.append(chip(recording, timbre, count, onChange)));
}

/**
 * Where the evidence is weak, the visitor decides.
 * @param {number} perhaps
 */
function question(perhaps) {
  const button = makeButton("split", text("tell_apart", { count: perhaps }));
  button.textContent = text("tell_apart", { count: perhaps });
  button.addEventListener("click", () => {
    const count = element("count", HTMLSelectElement);
    count.value = String(perhaps);
    count.dispatchEvent(new Event("change", { bubbles: true }));
  });
  const box = document.createElement("span");
  box.className = "chip";
  box.append(button);
  return box;
}

/**
 * @param {Recording} recording
 * @param {number} timbre
 * @param {number} count
 * @param {() => void} onChange
 */
function chip(recording, timbre, count, onChange) {
  const number = timbre + 1;
  const box = document.createElement("span");
  box.className = "chip";
  const swatch = document.createElement("i");
  swatch.className = "swatch";
  swatch.style.background = `var(--timbre-${(timbre % COLOURS) + 1})`;
  const mute = makeButton("mute", `${count}: ${text("mute", { number })}`);
  mute.append(swatch, String(count));
  const name = document.createElement("input");
  name.className = "timbre-name";
  name.placeholder = text("timbre", { number });
  name.value = recording.names[timbre] ?? "";
  name.setAttribute("aria-label", text("name_timbre", { number }));
  name.title = text("name_timbre", { number });
  name.spellcheck = false;
  name.addEventListener("input", () => {
    recording.names[timbre] = name.value.trim();
    onChange();
  });
  const only = makeButton("solo", text("solo", { number }));
  only.append(draw("M2 13V8.5a6 6 0 0 1 12 0V13h-3.2V8.8h1.5a4.4 4.4 0 0 0-8.6 0h1.5V13z"));
  const save = makeButton("save", text("save_timbre", { number }));
  save.append(draw("M7.1 2h1.8v6.2l2.3-2.3 1.3 1.3L8 11.7 3.5 7.2l1.3-1.3 2.3 2.3zM3 12.7h10v1.6H3z"));
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
  save.addEventListener("click", () => saveTimbre(recording, timbre));
  box.append(mute, name, only, save);
  return box;
}

/**
 * @param {string} kind
 * @param {string} label
 */
function makeButton(kind, label) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = kind;
  button.setAttribute("aria-label", label);
  button.title = label;
  return button;
}

/** @param {string} outline of a sign, in a box of 16 by 16 */
function draw(outline) {
  const space = "http://www.w3.org/2000/svg";
  const icon = document.createElementNS(space, "svg");
  icon.setAttribute("viewBox", "0 0 16 16");
  icon.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(space, "path");
  path.setAttribute("d", outline);
  path.setAttribute("fill", "currentColor");
  icon.append(path);
  return icon;
}
