/** The page's texts, in the language that its reader chose. */

import { element, recall, remember } from "./dom.js";

/** @type {Record<string, Record<string, string>>} */
const TEXTS = JSON.parse(element("texts", HTMLScriptElement).textContent ?? "{}");

/** @type {string} */
let language = "en";

/**
 * A text, with its {places} filled.
 * @param {string} key
 * @param {Record<string, string | number>} [values]
 * @returns {string}
 */
export function text(key, values = {}) {
  const found = TEXTS[language][key];
  if (found === undefined) throw new Error(`no text for ${key} in ${language}`);
  return found.replace(/\{(\w+)\}/g, (_, name) => String(values[name]));
}

/**
 * Start in the chosen language, else in the browser's, else in English.
 * @param {() => void} onChange called after each change
 */
export function startTexts(onChange) {
  const asked = [recall("language") ?? "", ...navigator.languages];
  const first = asked.map((tag) => tag.slice(0, 2)).find((tag) => tag in TEXTS);
  speak(first ?? "en");
  element("language", HTMLButtonElement).addEventListener("click", () => {
    speak(following());
    remember("language", language);
    onChange();
  });
}

/** @returns {string} the language after this one, which the button offers */
function following() {
  const languages = Object.keys(TEXTS);
  return languages[(languages.indexOf(language) + 1) % languages.length];
}

/** @param {string} next */
function speak(next) {
  language = next;
  document.documentElement.lang = text("tag");
  document.title = text("title");
  for (const node of document.querySelectorAll("[data-text]")) {
    node.textContent = text(/** @type {HTMLElement} */ (node).dataset.text ?? "");
  }
  for (const node of document.querySelectorAll("[data-text-label]")) {
    node.setAttribute("aria-label", text(/** @type {HTMLElement} */ (node).dataset.textLabel ?? ""));
  }
  for (const node of document.querySelectorAll("[data-text-title]")) {
    node.setAttribute("title", text(/** @type {HTMLElement} */ (node).dataset.textTitle ?? ""));
  }
  const button = element("language", HTMLButtonElement);
  const offered = TEXTS[following()];
  button.textContent = offered.language;
  button.lang = offered.tag;
}

/**
 * m:ss, for a clock.
 * @param {number} seconds
 */
export function clock(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

/**
 * A length of time, in words.
 * @param {number} seconds
 */
export function duration(seconds) {
  if (seconds < 90) {
    const value = seconds < 10 ? Math.round(seconds * 10) / 10 : Math.round(seconds);
    return text("seconds", { value });
  }
  const whole = Math.round(seconds);
  return text("minutes", { minutes: Math.floor(whole / 60), seconds: whole % 60 });
}

const NAMES = ["C", "C♯", "D", "D♯", "E", "F", "F♯", "G", "G♯", "A", "A♯", "B"];

/**
 * C4 for 60.
 * @param {number} pitch MIDI number
 */
export function pitchName(pitch) {
  return `${NAMES[pitch % 12]}${Math.floor(pitch / 12) - 1}`;
}
