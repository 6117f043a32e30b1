/** One task at a time: a new one ends the last, and can be cancelled. */

import { hideProgress } from "./progress.js";

/** @type {AbortController | null} */
let present = null;

/** Whether a task is under way. */
export function isBusy() {
  return present !== null;
}

/** End the task under way. */
export function cancel() {
  present?.abort();
}

/**
 * Run a task that can be cancelled, be superseded, or fail.
 * @param {(signal: AbortSignal) => Promise<void>} task
 * @param {object} handlers neither is called if another task superseded this one
 * @param {() => void} handlers.onCancel
 * @param {(error: unknown) => void} handlers.onError
 */
export async function attempt(task, { onCancel, onError }) {
  cancel();
  const own = new AbortController();
  present = own;
  try {
    await task(own.signal);
  } catch (error) {
    if (present === own) {
      if (own.signal.aborted) onCancel();
      else onError(error);
    }
  }
  if (present !== own) return;
  present = null;
  hideProgress();
}
