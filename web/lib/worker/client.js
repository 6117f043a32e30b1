/** The page's side of the library's worker. */

import { mixToMono } from "../audio/mix.js";
import { Helpers } from "../engine/helpers.js";
import { TranscriptionError } from "../errors.js";

/** @typedef {import("./worker.js").RunRequest} RunRequest */
/** @typedef {import("./worker.js").NotesRequest} NotesRequest */
/** @typedef {import("./worker.js").PrepareRequest} PrepareRequest */

/**
 * @typedef {object} AskOptions
 * @property {AbortSignal} [signal]
 * @property {(progress: import("./worker.js").Progress) => void} [onProgress]
 * @property {(notes: import("../transcribe.js").Note[]) => void} [onNotes] provisional ones
 */

/** A worker with one recording, asked over messages. */
export class WorkerClient {
  /** @param {string} [url] of the bundled worker; default: the module beside this one */
  constructor(url) {
    /** The recording, which the worker reads piece by piece. @type {import("../audio/audio.js").Audio | null} */
    this.audio = null;
    // Chromium 156 starts no module worker from a blob: URL in a page opened from disk.
    this._worker = url
      ? new Worker(url)
      : new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
    this._helpers = new Helpers();
    this._worker.addEventListener("message", ({ data: { wanted, helpers } }) => {
      if (wanted) this._sendAudio(wanted);
      if (helpers) this._sendHelpers(helpers);
    });
    this._next = 0;
    /** @type {Set<(reason: unknown) => void>} */
    this._waiting = new Set();
  }

  /**
   * @param {Omit<PrepareRequest, "id"> | Omit<RunRequest, "id"> | Omit<NotesRequest, "id">} request
   * @param {AskOptions} options
   * @returns {Promise<any>}
   */
  ask(request, { signal, onProgress, onNotes }) {
    const id = ++this._next;
    const worker = this._worker;
    return new Promise((resolve, reject) => {
      const finish = (/** @type {() => void} */ settle) => {
        worker.removeEventListener("message", onMessage);
        worker.removeEventListener("error", onError);
        signal?.removeEventListener("abort", onAbort);
        this._waiting.delete(reject);
        settle();
      };
      const onMessage = (/** @type {MessageEvent<any>} */ { data }) => {
        if (data.id !== id) return;
        if (data.progress) onProgress?.(data.progress);
        else if (data.notes) onNotes?.(data.notes);
        else if (data.error) {
          const { code, message, ...about } = data.error;
          finish(() => reject(new TranscriptionError(code, message, about)));
        } else finish(() => resolve(data.result));
      };
      const onError = (/** @type {ErrorEvent} */ event) => {
        event.preventDefault();
        const message = event.message || "its script did not load; reload the page";
        finish(() => reject(new TranscriptionError("runtime", `the worker failed: ${message}`)));
      };
      const onAbort = () => {
        const reason = signal?.reason;
        finish(() => reject(reason));
        worker.postMessage({ task: "stop", id });
      };
      if (signal?.aborted) return reject(signal.reason);
      worker.addEventListener("message", onMessage);
      worker.addEventListener("error", onError);
      signal?.addEventListener("abort", onAbort);
      this._waiting.add(reject);
      worker.postMessage({ ...request, id });
    });
  }

  /** @param {{from: number, to: number, buffer: ArrayBuffer}} wanted samples, and room for them */
  _sendAudio({ from, to, buffer }) {
    if (!this.audio) return;
    const samples = mixToMono(this.audio, from, to, buffer);
    this._worker.postMessage({ task: "audio", samples }, [samples.buffer]);
  }

  /** @param {{count: number, parts: import("../engine/helper.js").Parts}} wanted */
  async _sendHelpers({ count, parts }) {
    const ports = await this._helpers.start(count, parts);
    this._worker.postMessage({ task: "helpers", ports }, ports);
  }

  /** End the worker; requests under way are rejected. */
  close() {
    this._worker.terminate();
    this._helpers.close();
    for (const reject of [...this._waiting]) reject(new DOMException("closed", "AbortError"));
    this._waiting.clear();
  }
}
