/** The page's words about a result. */

import { element } from "./dom.js";
import { clock, duration, pitchName, text } from "./texts.js";

/** @typedef {import("../lib/transcribe.js").Note} Note */

/**
 * @param {object} result
 * @param {string} result.name
 * @param {number} result.length seconds
 * @param {Note[]} result.notes
 * @param {number} result.timbres
 * @param {import("../lib/worker/worker.js").RunFacts} result.facts
 */
export function describe({ name, length, notes, timbres, facts }) {
  element("name", HTMLElement).textContent = name;
  element("length", HTMLElement).textContent = clock(length);
  element("summary", HTMLElement).textContent = summary(notes, timbres);
  showFacts(facts);
}

/**
 * Problems that the reader should know of; empty if there are none.
 * @param {import("../lib/transcribe.js").Analysis} analysis
 * @param {Note[]} notes
 * @returns {string}
 */
export function complaintAbout({ frames, facts }, notes) {
  if (frames === 0) return text("silent");
  if (notes.length === 0) return text("none");
  if (facts.fallback) return text("fallback", { reason: facts.fallback });
  if (facts.repairedSamples > 0) return text("repaired", { count: facts.repairedSamples });
  return "";
}

/**
 * @param {Note[]} notes
 * @param {number} timbres
 */
function summary(notes, timbres) {
  if (notes.length === 0) return "";
  if (notes.length === 1) return text("found_one");
  const pitches = notes.map((note) => note.pitch);
  return text(timbres > 1 ? "found_timbres" : "found", {
    count: notes.length,
    timbres,
    low: pitchName(pitches.reduce((a, b) => Math.min(a, b))),
    high: pitchName(pitches.reduce((a, b) => Math.max(a, b))),
  });
}

/** @param {import("../lib/worker/worker.js").RunFacts} facts */
function nameRuntime({ backend, relaxed }) {
  if (backend === "engine") return text(relaxed ? "engine_relaxed" : "engine");
  return backend === "webgpu" ? "WebGPU" : "WebAssembly";
}

/**
 * The model, the runtime, the recording's length and the time taken.
 * @param {import("../lib/worker/worker.js").RunFacts} facts
 */
function showFacts(facts) {
  const { model, threads, stalled, audioSeconds, computeSeconds } = facts;
  const speed = audioSeconds / Math.max(0.001, computeSeconds);
  const runtime = [
    nameRuntime(facts),
    threads > 1 ? text("threads", { count: threads }) : text(stalled ? "stalled" : "one_thread"),
  ];
  const rows = [
    [text("fact_model"), model],
    [text("fact_runtime"), runtime.join(", ")],
    [text("fact_audio"), duration(audioSeconds)],
    [
      text("fact_time"),
      text("time_taken", {
        time: duration(computeSeconds),
        speed: speed < 10 ? speed.toFixed(1) : Math.round(speed),
      }),
    ],
  ];
  element("facts", HTMLElement).replaceChildren(
    ...rows.flatMap(([name, value]) => [
      Object.assign(document.createElement("dt"), { textContent: name }),
      Object.assign(document.createElement("dd"), { textContent: value }),
    ]),
  );
}
