/** Progress of the work, shown in place of the ways to choose a recording. */

import { element } from "./dom.js";
import { duration, text } from "./texts.js";

const panel = element("progress", HTMLElement);
const choices = element("choose", HTMLElement);
const stage = element("stage", HTMLElement);
const bar = element("bar", HTMLElement);
const left = element("left", HTMLElement);
const cancel = element("cancel", HTMLButtonElement);
const file = element("file", HTMLInputElement);

let stageStartedMs = 0;
let fraction = 0;
let current = "";
let ticking = 0;
/** Had the focus when the progress took its place. @type {HTMLElement | null} */
let focused = null;

/**
 * @param {"decode" | "download" | "start" | "run" | "notes"} name
 * @param {{done?: number, total?: number}} [amount] bytes, or seconds of audio
 */
export function showProgress(name, { done = 0, total = 0 } = {}) {
  if (panel.hidden) swap(true);
  if (name !== current) {
    current = name;
    stageStartedMs = performance.now();
    window.clearInterval(ticking);
    ticking = window.setInterval(showTime, 1000);
  }
  fraction = total > 0 ? Math.min(1, done / total) : 0;
  const megabytes = (/** @type {number} */ bytes) => (bytes / 1e6).toFixed(1);
  /** @type {Record<string, string>} */
  const values =
    name === "download"
      ? { done: megabytes(done), total: megabytes(total) }
      : { done: duration(Math.floor(done)), total: duration(total) };
  stage.textContent = text(`stage_${name}`, values);
  if (total > 0) bar.setAttribute("aria-valuenow", String(Math.round(100 * fraction)));
  else bar.removeAttribute("aria-valuenow");
  bar.style.setProperty("--done", String(fraction));
  showTime();
}

export function hideProgress() {
  if (!panel.hidden) swap(false);
  current = "";
  window.clearInterval(ticking);
}

/**
 * Show the progress or the choices; the focus goes along, and comes back.
 * @param {boolean} working
 */
function swap(working) {
  const active = document.activeElement;
  if (working) focused = choices.contains(active) ? /** @type {HTMLElement} */ (active) : null;
  const follow = working ? focused !== null : active === cancel;
  panel.hidden = !working;
  choices.hidden = working;
  if (follow) (working ? cancel : (focused ?? file)).focus({ preventScroll: true });
}

/** Time left if it can be estimated, else time passed. */
function showTime() {
  const passed = (performance.now() - stageStartedMs) / 1000;
  if (passed < 1) left.textContent = "";
  else if (fraction > 0.02) {
    const time = duration(Math.ceil((passed * (1 - fraction)) / fraction));
    left.textContent = text("left", { time });
  } else left.textContent = text("elapsed", { time: duration(Math.floor(passed)) });
}
