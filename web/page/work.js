/** The work on recordings: the one on show stays until the notes of the next are there. */

import { decodeFile } from "../lib/index.js";
import { analyse, prepare } from "../lib/transcribe.js";
import { attempt, cancel, isBusy } from "./attempt.js";
import { choose, chosen, element } from "./dom.js";
import { findPlace, isSingleFile } from "./place.js";
import { hideProgress, showProgress } from "./progress.js";
import { Recording } from "./recording.js";
import { closeProvisional, showProvisional, showResult } from "./result.js";
import { say, setState, showError } from "./status.js";
import { text } from "./texts.js";
import { showValues } from "./tuner.js";

/** @typedef {import("../lib/transcribe.js").Analysis} Analysis */

/** The network of each way to show notes. */
const MODELS = Object.freeze({ together: "basicamt", timbre: "septimbre" });
/** Milliseconds after which notes that follow a slider show progress: an hour's timbres are slow. */
const SLOW_MS = 700;

const place = findPlace();
const count = element("count", HTMLSelectElement);

/** @type {Recording | null} */
let shown = null;
/** The one that will take its place. @type {Recording | null} */
let next = null;
/** Set while a file is read, which will then be run as chosen. @type {AbortSignal | null} */
let reading = null;

const handlers = {
  onCancel: () => {
    drop();
    say(() => text("cancelled"));
    if (shown) setState(outcomeOf(shown));
    else setState("idle");
  },
  onError: (/** @type {unknown} */ error) => {
    drop();
    showError(error);
    setState("error");
  },
};

/** Drop the recording under way, and return to the one on show, if any. */
function drop() {
  reading = null;
  next?.close();
  next = null;
  closeProvisional();
  const model = shown?.analysis?.facts.model;
  if (!shown || !model) return;
  choose("mode", model === MODELS.timbre ? "timbre" : "together");
  shown.tuning = shown.heardTuning;
  showValues();
}

/** @param {Recording} recording */
function outcomeOf({ made }) {
  return made.notes.length > 0 ? "done" : "empty";
}

/**
 * Take a new recording, and end any task under way.
 * @param {import("./intake.js").Offer} offer
 */
export async function take({ name, read, others }) {
  setState("loading");
  await attempt(async (signal) => {
    reading = signal;
    next?.close();
    next = null;
    closeProvisional();
    say(() => (others > 0 ? text("several", { name }) : ""));
    showProgress("decode");
    const file = await read();
    signal.throwIfAborted();
    const buffer = await decodeFile(file);
    signal.throwIfAborted();
    reading = null;
    next = new Recording(name, buffer);
    await listen(next, signal);
  }, handlers);
}

/** Run what was chosen on the recording under way, else on the one on show. */
export async function rerun() {
  const recording = next ?? shown;
  if (recording && !reading) await attempt((signal) => listen(recording, signal), handlers);
}

/** End the work under way. */
export function stop() {
  cancel();
  tuning.abort();
}

/** Load and compile while the first recording is being chosen; the single file has everything. */
export async function warmUp() {
  if (!isSingleFile && !isBusy() && !shown) await prepare(await choices());
}

/** Where the files are, and what the visitor chose to run. */
async function choices() {
  const model = MODELS[chosen("mode") === "timbre" ? "timbre" : "together"];
  /** @type {"webgpu" | undefined} of the CPU, whatever is best */
  const backend = element("backend", HTMLSelectElement).value === "webgpu" ? "webgpu" : undefined;
  return { ...(await place), model, backend };
}

/** @returns {number | "auto"} */
function chosenTimbres() {
  if (chosen("mode") !== "timbre") return 1;
  return count.value === "auto" ? "auto" : Number(count.value);
}

/** @param {import("../lib/worker/worker.js").Progress} progress */
function onProgress({ stage, done, total }) {
  setState(stage === "run" ? "working" : "loading");
  if (stage === "download" && done === total) showProgress("start");
  else showProgress(stage, { done, total });
}

/**
 * Run the network that the chosen mode needs, unless it has run, and show its notes.
 * @param {Recording} recording
 * @param {AbortSignal} signal
 */
async function listen(recording, signal) {
  const { name, buffer, tuning, keepOvertones } = recording;
  const options = await choices();
  const wish = JSON.stringify([options.model, options.backend, recording.tuning]);
  let analysis = recording.find(wish);
  if (!analysis) {
    setState("loading");
    showProgress("start");
    /** @type {import("../lib/transcribe.js").Note[]} */
    const found = [];
    analysis = await analyse(buffer, {
      ...options,
      thresholds: recording.moved.get(options.model),
      timbres: chosenTimbres(),
      tuning,
      keepOvertones,
      signal,
      onProgress,
      onNotes: (notes) => {
        if (shown) return;
        found.push(...notes);
        showProvisional(name, buffer.duration, found);
      },
    });
    recording.keep(wish, analysis);
  }
  showProgress("notes");
  await write(recording, analysis, { signal, onProgress });
  setState(outcomeOf(recording));
}

/**
 * Make the notes with the current thresholds and timbres, and show them.
 * @param {Recording} recording
 * @param {Analysis} analysis
 * @param {Pick<import("../lib/transcribe.js").RunOptions, "signal" | "onProgress">} options
 */
async function write(recording, analysis, options) {
  const thresholds = recording.moved.get(analysis.facts.model) ?? analysis.thresholds;
  const timbres = analysis.separable ? chosenTimbres() : 1;
  const { keepOvertones } = recording;
  const made = await analysis.makeNotes({ thresholds, keepOvertones, timbres, ...options });
  if (recording !== next && recording !== shown) return; // another one took its place
  recording.settle(analysis, made);
  if (recording === next) {
    shown?.close();
    shown = next;
    next = null;
  }
  const { facts } = analysis;
  Object.assign(window, { transcription: { ...made, thresholds, facts } });
  showResult({ recording, analysis, about: { recording: recording.name, ...facts, thresholds } });
}

/** Whether notes are being made, and whether they are outdated already. */
let renoting = false;
let outdated = false;
/** Cancels the making of notes if it is slow. */
let tuning = new AbortController();

/** Follow a slider: make notes once at a time, and always for its last position. */
export async function renote() {
  outdated = true;
  if (renoting) return;
  renoting = true;
  const slow = setTimeout(() => isBusy() || showProgress("notes"), SLOW_MS);
  while (outdated && shown?.analysis) {
    outdated = false;
    await renoteOnce(shown, shown.analysis);
  }
  renoting = false;
  clearTimeout(slow);
  if (!isBusy()) hideProgress();
}

/**
 * Make the notes of the recording on show again; a task under way goes on meanwhile.
 * @param {Recording} recording
 * @param {Analysis} analysis
 */
async function renoteOnce(recording, analysis) {
  tuning = new AbortController();
  try {
    await write(recording, analysis, {
      signal: tuning.signal,
      onProgress: (progress) => isBusy() || onProgress(progress),
    });
    if (isBusy() || outdated) return;
    hideProgress();
    setState(outcomeOf(recording));
  } catch (error) {
    if (isBusy() || recording.analysis !== analysis || recording !== shown) return;
    if (tuning.signal.aborted) handlers.onCancel();
    else handlers.onError(error);
  }
}
