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

/** @param {unknown} error */
export function showError(error) {
  const code = error instanceof TranscriptionError ? error.code : "model";
  const detail = error instanceof Error ? error.message : String(error);
  if (error instanceof TypeError) say(text("error_download"), detail);
  else if (code === "model" && /there is no septimbre/.test(detail)) say(text("error_timbres"));
  else say(text(`error_${code}`), detail);
}
