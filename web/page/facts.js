/** What ran, where, on how much, and for how long. */

import { element } from "./dom.js";
import { duration, text } from "./texts.js";

/** @param {import("../lib/worker.js").RunFacts} facts */
export function showFacts({ model, backend, threads, audioSeconds, computeSeconds }) {
  const speed = audioSeconds / Math.max(0.001, computeSeconds);
  const runtime = [
    backend === "webgpu" ? "WebGPU" : "WebAssembly",
    threads === 1 ? text("one_thread") : text("threads", { count: threads }),
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
