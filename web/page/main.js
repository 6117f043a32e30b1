/** The demo page: which event leads to which action. */

import { decodeFile } from "../lib/index.js";
import { analyse, prepare } from "../lib/transcribe.js";
import { attempt, cancel, isBusy } from "./attempt.js";
import { chosen, element } from "./dom.js";
import { offerDownloads } from "./downloads.js";
import { startIntake } from "./intake.js";
import { startKeyboard } from "./keyboard.js";
import { clearMutes } from "./legend.js";
import { show as showOffline, startOffline } from "./offline.js";
import { findPlace, isSingleFile, readExample } from "./place.js";
import { hideProgress, showProgress } from "./progress.js";
import { close, isOpen, player, roll, showNotes, showProvisional, showWords, toggle } from "./result.js";
import { say, setState, showError } from "./status.js";
import { startTexts, text } from "./texts.js";
import { startTheme } from "./theme.js";
import { movedThresholds, startTuner, tunedThresholds, tuneFor } from "./tuner.js";

/** @typedef {import("../lib/transcribe.js").Analysis} Analysis */

/** The network of each way to show notes. */
const MODELS = Object.freeze({ together: "basicamt", timbre: "septimbre" });

const place = findPlace();
const count = element("count", HTMLSelectElement);

/** The recording on the page, and the networks' results. */
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
};

/** Return to the result that was there before, if any. */
function restore() {
  if (work.analysis) showNotes(work, work.analysis);
  else forget();
}

const handlers = {
  onCancel: () => {
    restore();
    say(text("cancelled"));
    setState(!work.analysis ? "idle" : work.notes.length > 0 ? "done" : "empty");
  },
  onError: (/** @type {unknown} */ error) => {
    restore();
    showError(error);
    setState("error");
  },
};

/**
 * Take a new recording, and end any task under way.
 * @param {import("./intake.js").Offer} offer
 */
async function take({ name, read, others }) {
  setState("loading");
  await attempt(async (signal) => {
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
  }, handlers);
}

/** The options for making notes. */
function wishes() {
  const timbre = chosen("mode") === "timbre";
  /** @type {number | "auto"} */
  const timbres = !timbre ? 1 : count.value === "auto" ? "auto" : Number(count.value);
  return { thresholds: tunedThresholds(), timbres };
}

/** @param {import("../lib/worker/worker.js").Progress} progress */
function onProgress({ stage, done, total }) {
  setState(stage === "run" ? "working" : "loading");
  if (stage === "download" && done === total) showProgress("start");
  else showProgress(stage, { done, total });
}

/** Where the files are, and what the visitor chose to run. */
async function choices() {
  const model = MODELS[chosen("mode") === "timbre" ? "timbre" : "together"];
  /** @type {"webgpu" | undefined} of the CPU, whatever is best */
  const backend = element("backend", HTMLSelectElement).value === "webgpu" ? "webgpu" : undefined;
  return { ...(await place), model, backend };
}

/** Load and compile while the first recording is being chosen; the single file has everything. */
async function warmUp() {
  if (!isSingleFile && !isBusy() && !work.buffer) await prepare(await choices());
}

/**
 * Run the network that the chosen mode needs, unless it has run, and show its notes.
 * @param {AbortSignal} signal
 */
async function listen(signal) {
  const options = await choices();
  const { model } = options;
  let analysis = work.analyses.get(model);
  if (!analysis && work.buffer) {
    setState("loading");
    showProgress("start");
    /** @type {import("../lib/transcribe.js").Note[]} */
    const found = [];
    analysis = await analyse(work.buffer, {
      ...options,
      thresholds: movedThresholds(model),
      timbres: wishes().timbres,
      signal,
      onProgress,
      onNotes: (notes) => {
        found.push(...notes);
        showProvisional(work.name, found);
      },
    });
    work.analyses.set(model, analysis);
  }
  if (!analysis) return;
  tuneFor(model, analysis.thresholds);
  work.analysis = analysis;
  await renote(signal);
}

/** Milliseconds after which notes that follow a slider show progress: an hour's timbres are slow. */
const SLOW_MS = 700;
/** Whether notes are being made, and whether they are outdated already. */
let renoting = false;
let outdated = false;
/** Cancels the making of notes if it is slow. */
let tuning = new AbortController();

/**
 * Make the notes again, with the current thresholds and timbres.
 * @param {AbortSignal} signal
 */
async function renote(signal) {
  const { analysis } = work;
  if (!analysis) return;
  if (isBusy()) showProgress("notes");
  const { thresholds, timbres } = wishes();
  const made = await analysis.makeNotes({ thresholds, timbres, signal, onProgress });
  if (work.analysis !== analysis) return;
  work.notes = made.notes;
  work.timbres = made.timbres;
  Object.assign(window, {
    transcription: { notes: made.notes, timbres: made.timbres, thresholds, facts: analysis.facts },
  });
  offerDownloads(made.notes, work.name, { recording: work.name, ...analysis.facts, thresholds });
  showNotes(work, analysis);
  setState(made.notes.length > 0 ? "done" : "empty");
}

/** Follow a slider: make notes once at a time, and always for its last position. */
async function renoteSoon() {
  outdated = true;
  if (renoting || isBusy()) return;
  renoting = true;
  const slow = setTimeout(() => isBusy() || showProgress("notes"), SLOW_MS);
  try {
    while (outdated) {
      outdated = false;
      tuning = new AbortController();
      await renote(tuning.signal);
    }
  } catch (error) {
    if (isBusy() || !work.analysis) return; // another recording took its place
    if (tuning.signal.aborted) handlers.onCancel();
    else handlers.onError(error);
  } finally {
    renoting = false;
    clearTimeout(slow);
    if (!isBusy()) hideProgress();
  }
}

/** Clear the page for another recording. */
function forget() {
  dropAnalyses();
  work.buffer = null;
  player.load(null);
  clearMutes();
}

/** Free the networks' results. */
function dropAnalyses() {
  for (const analysis of work.analyses.values()) analysis.close();
  work.analyses.clear();
  Object.assign(work, { analysis: null, notes: [], timbres: 1 });
  offerDownloads([], "", {});
  Object.assign(window, { transcription: undefined });
  close();
}

function start() {
  startTexts(() => {
    showWords();
    showOffline();
  });
  startTheme(() => roll.recolour());
  startTuner(() => void renoteSoon());
  startIntake({
    onOffer: (offer) => void take(offer),
    onNear: () => void warmUp(),
    onMicrophoneError: (error) => say(text("error_microphone"), String(error)),
    readExample,
  });
  element("cancel", HTMLButtonElement).addEventListener("click", () => {
    cancel();
    tuning.abort();
  });
  startKeyboard({ player, roll, toggle, isOpen });
  element("options", HTMLFormElement).addEventListener("change", ({ target }) => {
    element("count-field", HTMLElement).hidden = chosen("mode") !== "timbre";
    if (!work.buffer) return;
    if (target === count) void renoteSoon();
    else {
      // Another backend means another run; another mode does only if its network has not run.
      if (/** @type {Element} */ (target).id === "backend") dropAnalyses();
      void attempt(listen, handlers);
    }
  });
  void startOffline();
}

start();
