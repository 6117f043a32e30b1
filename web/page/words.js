/** The page's words about a result. */

import { element } from "./dom.js";
import { clock, duration, pitchName, text } from "./texts.js";

/** @typedef {import("../lib/transcribe.js").Note} Note */
/** @typedef {import("../lib/worker/worker.js").RunFacts} RunFacts */
/** @typedef {import("./recording.js").Recording} Recording */

/**
 * @param {Recording} recording
 * @param {RunFacts} facts
 */
export function describe(recording, facts) {
  element("name", HTMLElement).textContent = recording.name;
  element("length", HTMLElement).textContent = clock(recording.buffer.duration);
  element("summary", HTMLElement).textContent = summary(recording.made);
  const isTuned = recording.heardTuning !== 0;
  element("tuning-field", HTMLElement).hidden = isTuned && Math.round(facts.tuningCents) === 0;
  showFacts(facts, isTuned);
}

/**
 * Problems that the reader should know of; empty if there are none.
 * @param {import("../lib/transcribe.js").Analysis} analysis
 * @param {Note[]} notes
 * @returns {string}
 */
export function complaintAbout({ frames, facts }, notes) {
  if (frames === 0) return text(facts.tooShort ? "too_short" : "silent");
  if (notes.length === 0) return text(facts.mostlyNoise ? "noise" : "none");
  if (facts.fallback) return text("fallback", { reason: facts.fallback });
  if (facts.repairedSamples > 0) return text("repaired", { count: facts.repairedSamples });
  return "";
}

/** @param {import("./recording.js").Made} made */
function summary({ notes, timbres, perhaps }) {
  if (notes.length === 0) return "";
  if (notes.length === 1) return text("found_one");
  const pitches = notes.map((note) => note.pitch);
  return text(timbres > 1 ? "found_timbres" : perhaps > 1 ? "found_perhaps" : "found", {
    count: notes.length,
    timbres: Math.max(timbres, perhaps),
    low: pitchName(pitches.reduce((a, b) => Math.min(a, b))),
    high: pitchName(pitches.reduce((a, b) => Math.max(a, b))),
  });
}

/** @param {RunFacts} facts */
function nameRuntime({ backend, relaxed }) {
  if (backend === "engine") return text(relaxed ? "engine_relaxed" : "engine");
  return backend === "webgpu" ? "WebGPU" : "WebAssembly";
}

/**
 * Whether the recording was in tune; undefined if it was.
 * @param {RunFacts} facts
 * @param {boolean} isTuned whether the tuning was to be corrected
 */
function nameTuning({ tuningCents }, isTuned) {
  const cents = Math.round(Math.abs(tuningCents));
  if (!isTuned) return text("untuned");
  return cents > 0 ? text(tuningCents > 0 ? "sharp" : "flat", { cents }) : undefined;
}

/**
 * The model, the runtime, the recording's length and tuning, and the time taken.
 * @param {RunFacts} facts
 * @param {boolean} isTuned
 */
function showFacts(facts, isTuned) {
  const { model, threads, stalled, audioSeconds, computeSeconds } = facts;
  const speed = audioSeconds / Math.max(0.001, computeSeconds);
  const runtime = nameRuntime(facts);
  const many = threads > 1 ? text("threads", { count: threads }) : text(stalled ? "stalled" : "one_thread");
  const time = text("time_taken", {
    time: duration(computeSeconds),
    speed: speed < 10 ? speed.toFixed(1) : Math.round(speed),
  });
  const rows = {
    fact_audio: duration(audioSeconds),
    fact_tuning: nameTuning(facts, isTuned),
    fact_model: model,
    fact_runtime: text("ran_on", { runtime, threads: many }),
    fact_time: time,
  };
  element("facts", HTMLElement).replaceChildren(
    ...Object.entries(rows).flatMap(([name, value]) =>
      value === undefined
        ? []
        : [
            Object.assign(document.createElement("dt"), { textContent: text(name) }),
            Object.assign(document.createElement("dd"), { textContent: value }),
          ],
    ),
  );
}
