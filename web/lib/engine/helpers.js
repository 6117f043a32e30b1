/**
 * Workers that run stages for another worker, which reaches each over a port.
 *
 * The page makes them: in Firefox ESR 153, under a service worker, `new Worker` inside a worker never
 * returned in 21 of 181 runs that made two or three; in the page it did in all of 120 (2026-11).
 */

/** @typedef {(count: number, parts: import("./helper.js").Parts) => Promise<MessagePort[]>} StartHelpers */

/** Milliseconds that one may take to start, the slowest of them a script from a slow host. */
const START_MS = 10_000;

/** Helpers of one recording. */
export class Helpers {
  constructor() {
    /** @type {Worker[]} */
    this._workers = [];
  }

  /**
   * Start some on a model. A port carries no WebAssembly module in Firefox, so the page hands it out.
   * @param {number} count
   * @param {import("./helper.js").Parts} parts
   * @returns {Promise<MessagePort[]>} one for each that has started
   */
  async start(count, parts) {
    const starts = Array.from({ length: count }, () => this._startOne(parts));
    const started = await Promise.allSettled(starts);
    return started.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
  }

  /** End all. */
  close() {
    for (const worker of this._workers) worker.terminate();
    this._workers = [];
  }

  /** @param {import("./helper.js").Parts} parts @returns {Promise<MessagePort>} */
  async _startOne(parts) {
    const worker = new Worker(new URL("./helper.js", import.meta.url), { type: "module" });
    this._workers.push(worker);
    await new Promise((resolve, reject) => {
      worker.onmessage = resolve; // it listens
      worker.onerror = (event) => {
        event.preventDefault();
        reject(new Error(event.message));
      };
      setTimeout(reject, START_MS);
    });
    const { port1, port2 } = new MessageChannel();
    worker.postMessage({ ...parts, port: port1 }, [port1]);
    return port2;
  }
}
