/** The result: the roll, its player, and the words about it. */

import { chosen, element } from "./dom.js";
import { mutedTimbres, showLegend } from "./legend.js";
import { Player } from "./player.js";
import { Roll } from "./roll.js";
import { say, state } from "./status.js";
import { clock, text } from "./texts.js";
import { showValues } from "./tuner.js";
import { complaintAbout, describe } from "./words.js";

/** @typedef {import("../lib/transcribe.js").Note} Note */
/** @typedef {import("../lib/transcribe.js").Analysis} Analysis */
/** @typedef {{name: string, notes: Note[], timbres: number}} Result */

const section = element("result", HTMLElement);
/** @type {Set<number>} */
const NOTHING = new Set();

export const player = new Player(() => {
  element("play", HTMLButtonElement).setAttribute("aria-pressed", String(player.playing));
  if (player.playing) requestAnimationFrame(follow);
  if (player.playing && player.silent) say(text("no_output"));
  showTime(false);
});
export const roll = new Roll({ onSeek: (seconds) => player.seek(seconds) });

/** @type {(Result & {analysis: Analysis}) | null} */
let shown = null;
/** Whether the visitor moved the roll, which then stops following the cursor. */
let steered = false;

/** Whether there is something to play. */
export function isOpen() {
  return !section.hidden && !section.classList.contains("provisional");
}

/** Hide the result. */
export function close() {
  shown = null;
  section.hidden = true;
  section.classList.remove("provisional");
}

/**
 * Show the notes so far, while the network runs.
 * @param {string} name of the recording
 * @param {Note[]} notes
 */
export function showProvisional(name, notes) {
  open(true);
  element("name", HTMLElement).textContent = name;
  element("summary", HTMLElement).textContent = text("provisional");
  roll.setNotes([...notes].sort((a, b) => a.start - b.start), NOTHING);
  if (!steered) roll.reveal(notes.at(-1)?.end ?? 0);
}

/**
 * @param {Result} result
 * @param {Analysis} analysis
 */
export function showNotes(result, analysis) {
  shown = { ...result, analysis };
  if (analysis.frames === 0) section.hidden = true;
  else {
    if (section.classList.contains("provisional") && !steered) roll.reveal(0);
    open(false);
  }
  roll.setMap(analysis.map, analysis.frames, analysis.secondsPerFrame);
  showWords();
}

/** @param {boolean} provisional */
function open(provisional) {
  if (section.hidden) {
    section.hidden = false;
    steered = false;
    roll.open(player.length);
  }
  section.classList.toggle("provisional", provisional);
}

/** Hide and silence muted timbres. */
function hush() {
  if (!shown) return;
  const muted = mutedTimbres(shown.timbres);
  roll.setNotes(shown.notes, muted);
  player.setNotes(shown.notes, muted);
}

/** Write the words about the result in the current language. */
export function showWords() {
  showValues();
  if (!shown) return;
  const { analysis, notes, timbres } = shown;
  showLegend(notes, timbres, hush);
  hush();
  describe({ ...shown, facts: analysis.facts, length: player.length });
  const complaint = complaintAbout(analysis, notes);
  if (complaint || state() === "empty") say(complaint);
}

/** @param {boolean} moving */
function showTime(moving) {
  const { time, length } = player;
  element("now", HTMLElement).textContent = clock(time);
  const slider = element("scroller", HTMLElement);
  slider.setAttribute("aria-valuemax", String(Math.round(length)));
  slider.setAttribute("aria-valuenow", String(Math.round(time)));
  const values = { now: clock(time), length: clock(length) };
  slider.setAttribute("aria-valuetext", text("position_value", values));
  roll.setTime(time, moving);
}

function follow() {
  if (!player.playing) return;
  showTime(true);
  requestAnimationFrame(follow);
}

/** Play, or pause. */
export function toggle() {
  if (player.playing) player.pause();
  else void player.play();
}

for (const act of ["wheel", "pointerdown", "keydown"]) {
  element("scroller", HTMLElement).addEventListener(act, () => (steered = true), { passive: true });
}
element("play", HTMLButtonElement).addEventListener("click", toggle);
element("zoom-in", HTMLButtonElement).addEventListener("click", () => roll.zoom(1.4));
element("zoom-out", HTMLButtonElement).addEventListener("click", () => roll.zoom(1 / 1.4));
const map = element("map", HTMLInputElement);
map.addEventListener("change", () => roll.showMap(map.checked));
for (const radio of document.querySelectorAll('input[name="source"]')) {
  radio.addEventListener("change", () =>
    player.setSource(/** @type {import("./player.js").Source} */ (chosen("source"))),
  );
}
