/**
 * noteDigger's worker, drop-in: the app's messages in and out, the library's transcription between.
 * `python -m web notedigger` bundles it into a classic script for each of the two models.
 *
 * The app makes a worker for each run. To septimbre's it first posts the number of timbres; then
 * the recording, a Float32Array, the channels' sum at 44 100 Hz. It takes the first message for the
 * answer and ends the worker: notes, or for septimbre a list of notes for each timbre; or
 * {type: "error", message}. A page that follows progress, which the patched app says by
 * the fragment of the worker's address, also gets {type: "progress", fraction} before.
 */

import { messageOf } from "../lib/errors.js";
import { openStages } from "./open.js";
import { transcribe } from "./transcribe.js";

/** @typedef {import("./transcribe.js").AppNote} AppNote */

const FOLLOWED = self.location.hash === "#progress";
/** Milliseconds between two messages of progress. */
const REPORT_MS = 100;
/** Without the app's first message, as its own worker has it. */
let timbres = 2;

self.onmessage = async ({ data }) => {
  if (typeof data === "number") {
    timbres = data;
    return;
  }
  try {
    answer(await transcribe(data, SEPARATES ? timbres : 1, openStages, makeReporter()));
  } catch (error) {
    self.postMessage({ type: "error", message: messageOf(error) });
  }
};

/** @param {AppNote[][]} lists none of them empty */
function answer(lists) {
  if (SEPARATES) self.postMessage(lists);
  else if (lists.length > 0 || FOLLOWED) self.postMessage(lists[0] ?? []);
  else {
    // The app as it is answers an empty list with an error, and an empty track that stays.
    console.warn("tiny-amt: there are no notes in this recording");
    self.close();
  }
}

/** @returns {(fraction: number) => Promise<void>} */
function makeReporter() {
  let toldMs = -Infinity;
  return async (fraction) => {
    if (!FOLLOWED || performance.now() - toldMs < REPORT_MS) return;
    toldMs = performance.now();
    self.postMessage({ type: "progress", fraction });
  };
}
