/** One thing at a time: what is begun ends what was under way, and can be cancelled. */

import { hideProgress } from "./progress.js";

/** @type {AbortController | null} */
let present = null;

/** Whether something is under way. */
export function isBusy() {
  return present !== null;
}

/** End what is under way. */
export function cancel() {
  present?.abort();
}

/**
 * Do something that can be cancelled, superseded, or fail.
 * @param {(signal: AbortSignal) => Promise<void>} task
 * @param {object} handlers neither is called where another task took its place
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
