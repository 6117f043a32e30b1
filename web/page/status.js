/** The page's state, and the message beside it. */

import { TranscriptionError } from "../lib/index.js";
import { element } from "./dom.js";
import { text } from "./texts.js";

/** @typedef {"idle" | "loading" | "working" | "done" | "empty" | "error"} State */

const message = element("message", HTMLElement);

/** @param {State} state */
export function setState(state) {
  const { dataset } = document.documentElement;
  if (dataset.state !== state) dataset.state = state;
}

/** @returns {State} */
export function state() {
  return /** @type {State} */ (document.documentElement.dataset.state);
}

/**
 * @param {string} words empty: nothing to say
 * @param {string} [detail]
 */
export function say(words, detail = "") {
  message.replaceChildren(words);
  if (detail) message.append(Object.assign(document.createElement("small"), { textContent: detail }));
  message.hidden = words === "";
}

/**
 * Say what failed, in the page's language; all that is known is in the console.
 * @param {unknown} error
 */
export function showError(error) {
  console.warn(error);
  const { code, reason, file, message } =
    error instanceof TranscriptionError ? error : new TranscriptionError("model", String(error));
  if (error instanceof TypeError) say(text("error_download"), text("detail", { detail: message }));
  else if (/there is no septimbre/.test(message)) say(text("error_timbres"));
  else if (code === "audio" && reason) say(text(`audio_${reason}`, { file }));
  else if (reason) say(text(`error_${code}`), text(`detail_${reason}`, { file }));
  else say(text(`error_${code}`), text("detail", { detail: message }));
}

/**
 * What a browser calls the reasons for which there is no microphone.
 * @type {Readonly<Record<string, string>>}
 */
const MICROPHONE = Object.freeze({
  NotAllowedError: "error_microphone",
  NotFoundError: "error_no_microphone",
  NotReadableError: "error_microphone_busy",
});

/** @param {unknown} error */
export function showMicrophoneError(error) {
  console.warn(error);
  const name = error instanceof Error ? error.name : "";
  say(text(MICROPHONE[name] ?? "error_microphone"));
}
