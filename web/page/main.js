/** The demo page: what happens when. */

import { decodeFile, TranscriptionError } from "../lib/index.js";
import { analyse } from "../lib/transcribe.js";
import { chosen, element } from "./dom.js";
import { offerDownloads } from "./downloads.js";
import { startIntake } from "./intake.js";
import { startKeyboard } from "./keyboard.js";
import { clearMutes, mutedTimbres, showLegend } from "./legend.js";
import { show as showOffline, startOffline } from "./offline.js";
import { findPlace, readExample } from "./place.js";
import { Player } from "./player.js";
import { hideProgress, showProgress } from "./progress.js";
import { Roll } from "./roll.js";
import { clock, startTexts, text } from "./texts.js";
import { startTheme } from "./theme.js";
import { showValues, startTuner, tunedThresholds, tuneFor } from "./tuner.js";
import { complaintAbout, describe } from "./words.js";

/** @typedef {import("../lib/transcribe.js").Analysis} Analysis */
/** @typedef {"idle" | "loading" | "working" | "done" | "empty" | "error"} State */

/** The network of each way to show notes. */
const MODELS = Object.freeze({ together: "basicamt", timbre: "septimbre" });

const place = findPlace();
const result = element("result", HTMLElement);
const message = element("message", HTMLElement);
const count = element("count", HTMLSelectElement);

/** The recording on the page, and what the networks made of it. */
const work = {
  name: "",
  /** @type {AudioBuffer | null} */
  buffer: null,
  /** @type {Map<string, Analysis>} by model */
  analyses: new Map(),
  /** @type {Analysis | null} the one that is shown */
  analysis: null,
  /** @type {import("../lib/transcribe.js").Note[]} */
  notes: [],
  timbres: 1,
  /** @type {AbortController | null} of the run that is under way */
  run: null,
};

const player = new Player(() => {
  element("play", HTMLButtonElement).setAttribute("aria-pressed", String(player.playing));
  if (player.playing) requestAnimationFrame(follow);
  if (player.playing && player.silent) say(text("no_output"));
  showTime(false);
});
const roll = new Roll({ onSeek: (seconds) => player.seek(seconds) });

/** @param {State} state */
function setState(state) {
  document.documentElement.dataset.state = state;
}

/**
 * @param {string} words empty: nothing to say
 * @param {string} [detail]
 */
function say(words, detail = "") {
  message.replaceChildren(words);
  if (detail) message.append(Object.assign(document.createElement("small"), { textContent: detail }));
  message.hidden = words === "";
}

/**
 * Take a new recording; whatever ran before is ended.
 * @param {import("./intake.js").Offer} offer
 */
async function take({ name, read, others }) {
  await attempt("loading", async (signal) => {
    forget();
    say(others > 0 ? text("several", { name }) : "");
    showProgress("decode");
    const file = await read();
    signal.throwIfAborted();
    const buffer = await decodeFile(file);
    signal.throwIfAborted();
    work.name = name;
    work.buffer = buffer;
    player.load(buffer);
    await listen(signal);
  });
}

/**
 * Do something that can be cancelled, superseded, or fail.
 * @param {State} state
 * @param {(signal: AbortSignal) => Promise<void>} task
 */
async function attempt(state, task) {
  work.run?.abort();
  const run = new AbortController();
  work.run = run;
  setState(state);
  element("intake", HTMLElement).querySelector(".choose")?.toggleAttribute("hidden", true);
  try {
    await task(run.signal);
  } catch (error) {
    if (work.run !== run) return; // another took its place
    if (!work.analysis) forget();
    if (run.signal.aborted) {
      say(text("cancelled"));
      setState(!work.analysis ? "idle" : work.notes.length > 0 ? "done" : "empty");
    } else {
      showError(error);
      setState("error");
    }
  }
  if (work.run !== run) return;
  work.run = null;
  hideProgress();
  element("intake", HTMLElement).querySelector(".choose")?.toggleAttribute("hidden", false);
}

/**
 * Run the network that the chosen mode needs, unless it has run, and show its notes.
 * @param {AbortSignal} signal
 */
async function listen(signal) {
  const model = MODELS[chosen("mode") === "timbre" ? "timbre" : "together"];
  let analysis = work.analyses.get(model);
  if (!analysis && work.buffer) {
    setState("loading");
    showProgress("start");
    analysis = await analyse(work.buffer, {
      ...(await place),
      model,
      backend: element("backend", HTMLSelectElement).value === "webgpu" ? "webgpu" : "wasm",
      signal,
      onProgress: ({ stage, done, total }) => {
        setState(stage === "run" ? "working" : "loading");
        if (stage === "download" && done === total) showProgress("start");
        else showProgress(stage, { done, total });
      },
    });
    work.analyses.set(model, analysis);
  }
  if (!analysis) return;
  showProgress("notes");
  tuneFor(model, analysis.thresholds);
  work.analysis = analysis;
  result.hidden = analysis.frames === 0;
  roll.open(player.length, analysis.map, analysis.frames);
  await renote(signal);
}

/** Whether notes are being made, and whether they are outdated already. */
let renoting = false;
let outdated = false;

/**
 * Make the notes anew, with the present thresholds and timbres: the network does not run.
 * @param {AbortSignal} [signal]
 */
async function renote(signal) {
  const { analysis } = work;
  if (!analysis) return;
  const timbre = chosen("mode") === "timbre";
  const timbres = !timbre ? 1 : count.value === "auto" ? "auto" : Number(count.value);
  const thresholds = tunedThresholds();
  const made = await analysis.makeNotes({ thresholds, timbres }, signal);
  if (work.analysis !== analysis) return;
  work.notes = made.notes;
  work.timbres = made.timbres;
  Object.assign(window, {
    transcription: { notes: made.notes, timbres: made.timbres, thresholds, facts: analysis.facts },
  });
  offerDownloads(made.notes, work.name, { recording: work.name, ...analysis.facts, thresholds });
  showLegend(made.notes, made.timbres, hush);
  hush();
  showWords();
  setState(made.notes.length > 0 ? "done" : "empty");
}

/** Follow a slider: at most one making of notes at a time, and always the last wish. */
async function renoteSoon() {
  outdated = true;
  if (renoting || work.run) return;
  renoting = true;
  try {
    while (outdated) {
      outdated = false;
      await renote();
    }
  } catch (error) {
    if (work.analysis) showError(error);
  } finally {
    renoting = false;
  }
}

/** Let muted timbres be seen and heard no more. */
function hush() {
  const muted = mutedTimbres(work.timbres);
  roll.setNotes(work.notes, muted);
  player.setNotes(work.notes, muted);
}

/** Everything that is said about the result, in the present language. */
function showWords() {
  showValues();
  const { analysis } = work;
  if (!analysis) return;
  describe({ ...work, facts: analysis.facts, length: player.length });
  const complaint = complaintAbout(analysis, work.notes);
  if (complaint || document.documentElement.dataset.state === "empty") say(complaint);
}

/** @param {unknown} error */
function showError(error) {
  const code = error instanceof TranscriptionError ? error.code : "model";
  const detail = error instanceof Error ? error.message : String(error);
  if (error instanceof TypeError) say(text("error_download"), detail);
  else if (code === "model" && /there is no septimbre/.test(detail)) say(text("error_timbres"));
  else say(text(`error_${code}`), detail);
}

/** Clear the page for another recording. */
function forget() {
  dropAnalyses();
  work.buffer = null;
  player.load(null);
  clearMutes();
}

/** Give back what the networks made of the recording. */
function dropAnalyses() {
  for (const analysis of work.analyses.values()) analysis.close();
  work.analyses.clear();
  Object.assign(work, { analysis: null, notes: [], timbres: 1 });
  offerDownloads([], "", {});
  Object.assign(window, { transcription: undefined });
  result.hidden = true;
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

function toggle() {
  if (player.playing) player.pause();
  else void player.play();
}

function start() {
  startTexts(() => {
    showWords();
    showOffline();
    if (work.analysis) showLegend(work.notes, work.timbres, hush);
  });
  startTheme(() => roll.recolour());
  startTuner(() => void renoteSoon());
  startIntake({
    onOffer: (offer) => void take(offer),
    onMicrophoneError: (error) => say(text("error_microphone"), String(error)),
    readExample,
  });
  element("cancel", HTMLButtonElement).addEventListener("click", () => work.run?.abort());
  element("play", HTMLButtonElement).addEventListener("click", toggle);
  element("zoom-in", HTMLButtonElement).addEventListener("click", () => roll.zoom(1.4));
  element("zoom-out", HTMLButtonElement).addEventListener("click", () => roll.zoom(1 / 1.4));
  const map = element("map", HTMLInputElement);
  map.addEventListener("change", () => roll.showMap(map.checked));
  startKeyboard({ player, roll, toggle, isOpen: () => !result.hidden });
  element("options", HTMLFormElement).addEventListener("change", ({ target }) => {
    element("count-field", HTMLElement).hidden = chosen("mode") !== "timbre";
    if (!work.buffer) return;
    if (target === count) void renoteSoon();
    else {
      // Another backend means another run; another mode, only where its network has not run.
      if (/** @type {Element} */ (target).id === "backend") dropAnalyses();
      void attempt("loading", listen);
    }
  });
  for (const radio of document.querySelectorAll('input[name="source"]')) {
    radio.addEventListener("change", () =>
      player.setSource(/** @type {import("./player.js").Source} */ (chosen("source"))),
    );
  }
  void startOffline();
}

start();
