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

/** What the message says, in the language of the moment. @type {() => string | [string, string]} */
let tell = () => "";

/** @param {typeof tell} what the words, or words and a detail; empty: nothing to say */
export function say(what) {
  tell = what;
  sayAgain();
}

/** Say the same in the current language. */
export function sayAgain() {
  const [words, detail] = [tell()].flat();
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
  const plain = () => text("detail", { detail: message });
  if (error instanceof TypeError) say(() => [text("error_download"), plain()]);
  else if (/there is no septimbre/.test(message)) say(() => text("error_timbres"));
  else if (code === "audio" && reason) say(() => text(`audio_${reason}`, { file }));
  else if (reason) say(() => [text(`error_${code}`), text(`detail_${reason}`, { file })]);
  else say(() => [text(`error_${code}`), plain()]);
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
  say(() => text(MICROPHONE[name] ?? "error_microphone"));
}
