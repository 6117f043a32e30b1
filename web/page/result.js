/** The result: the roll, its player, and the words about it. */

import { chosen, element } from "./dom.js";
import { offerDownloads } from "./downloads.js";
import { clearMutes, mutedTimbres, showLegend } from "./legend.js";
import { Player } from "./player.js";
import { Roll } from "./roll.js";
import { say, state } from "./status.js";
import { showTempo } from "./tempo.js";
import { clock, text } from "./texts.js";
import { showValues, tuneFor } from "./tuner.js";
import { complaintAbout, describe } from "./words.js";

/** @typedef {import("../lib/transcribe.js").Note} Note */
/** @typedef {import("../lib/transcribe.js").Analysis} Analysis */
/** @typedef {import("./recording.js").Recording} Recording */
/** @typedef {{recording: Recording, analysis: Analysis, about: object}} Result about: for the JSON */

const section = element("result", HTMLElement);
/** @type {Set<number>} */
const NOTHING = new Set();

export const player = new Player(() => {
  element("play", HTMLButtonElement).setAttribute("aria-pressed", String(player.playing));
  if (player.playing) requestAnimationFrame(follow);
  if (player.playing && player.silent) say(() => text("no_output"));
  showTime(false);
});
export const roll = new Roll({
  onSeek: (seconds) => player.seek(seconds),
  onMark: (stretch) => repeat(stretch),
});

/** @type {Result | null} */
let shown = null;
/** Whether the visitor moved the roll, which then stops following the cursor. */
let steered = false;

function isProvisional() {
  return section.classList.contains("provisional");
}

/** Whether there is something to play. */
export function isOpen() {
  return !section.hidden && !isProvisional();
}

/** Hide the notes so far; a result stays. */
export function closeProvisional() {
  if (isProvisional()) section.hidden = true;
  section.classList.remove("provisional");
}

/**
 * Show the notes so far, while the network runs on the first recording.
 * @param {string} name of the recording
 * @param {number} length seconds
 * @param {Note[]} notes
 */
export function showProvisional(name, length, notes) {
  if (section.hidden) openRoll(length);
  section.classList.add("provisional");
  element("name", HTMLElement).textContent = name;
  element("summary", HTMLElement).textContent = text("provisional");
  roll.setNotes([...notes].sort((a, b) => a.start - b.start), NOTHING);
  if (!steered) roll.reveal(notes.at(-1)?.end ?? 0);
}

/** @param {Result} result with notes made */
export function showResult(result) {
  const { recording, analysis } = result;
  if (recording !== shown?.recording) {
    player.load(recording.buffer);
    repeat(null);
    clearMutes();
    if (!isProvisional()) openRoll(recording.buffer.duration);
    else if (!steered) roll.reveal(0);
  }
  shown = result;
  section.classList.remove("provisional");
  section.hidden = analysis.frames === 0;
  tuneFor(recording, analysis.facts.model, analysis.thresholds);
  roll.setMap(analysis.map, analysis.frames, analysis.secondsPerFrame);
  showWords();
  const complain = () => complaintAbout(analysis, recording.made.notes);
  if (complain() || ["empty", "error"].includes(state())) say(complain);
}

/** @param {number} length seconds */
function openRoll(length) {
  section.hidden = false;
  steered = false;
  roll.open(length);
}

/** Show, play and offer the notes as they are to be heard: on the grid, without muted timbres. */
export function showSound() {
  if (!shown) return;
  const { recording, about } = shown;
  const { notes, beats, bars } = recording;
  const muted = mutedTimbres(recording.made.timbres);
  roll.setBeats(beats, bars);
  roll.setNotes(notes, muted);
  player.setNotes(notes, muted);
  offerDownloads(recording, notes.filter(({ timbre }) => !muted.has(timbre)), about);
  showTempo(recording);
}

/** Write the words about the result in the current language. */
export function showWords() {
  showValues();
  if (!shown) return;
  const { recording, analysis } = shown;
  showLegend(recording, showSound);
  showSound();
  describe(recording, analysis.facts);
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

/** @param {import("./timeline.js").Stretch | null} stretch to be played again and again */
function repeat(stretch) {
  player.setLoop(stretch);
  roll.setLoop(player.loop);
  element("loop", HTMLButtonElement).setAttribute("aria-pressed", String(player.loop !== null));
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
element("loop", HTMLButtonElement).addEventListener("click", () =>
  repeat(player.loop ? null : roll.view),
);
const speed = element("speed", HTMLSelectElement);
speed.addEventListener("change", () => player.setSpeed(Number(speed.value)));
element("zoom-in", HTMLButtonElement).addEventListener("click", () => roll.zoom(1.4));
element("zoom-out", HTMLButtonElement).addEventListener("click", () => roll.zoom(1 / 1.4));
const map = element("map", HTMLInputElement);
map.addEventListener("change", () => roll.showMap(map.checked));
for (const radio of document.querySelectorAll('input[name="source"]')) {
  radio.addEventListener("change", () =>
    player.setSource(/** @type {import("./player.js").Source} */ (chosen("source"))),
  );
}
