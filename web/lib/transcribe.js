/** The library's door: audio in, notes out, everything heavy in a worker. */

import { mixToMono } from "./audio.js";
import { TranscriptionError } from "./errors.js";
import { findModel, loadManifest, thresholdsOf } from "./manifest.js";
import { checkThresholds } from "./notes.js";

/**
 * @typedef {object} Note
 * @property {number} start seconds
 * @property {number} end seconds
 * @property {number} pitch MIDI number, 24 to 107
 * @property {number} velocity mean activation over the note, in [0, 1]
 * @property {number} timbre 0 … number of timbres − 1, numbered by first appearance
 */

/** @typedef {AudioBuffer | {samples: Float32Array, rateHz: number}} Audio samples: mono */

/**
 * @typedef {object} Place where the site keeps what the library loads
 * @property {string | URL} models folder that `make export` wrote, ending in "/"
 * @property {string | URL} [runtime] onnxruntime-web's `dist` folder, ending in "/"
 * @property {Embedded} [embedded] everything in memory instead, for a page without a server
 */

/**
 * @typedef {object} Embedded
 * @property {string} worker URL of lib/worker.js, bundled into a classic script
 * @property {import("./manifest.js").Manifest} manifest
 * @property {(path: string) => Promise<Uint8Array<ArrayBuffer>>} readModel by the manifest's path
 * @property {() => Promise<import("./session.js").RuntimeFiles>} readRuntime
 */

/**
 * @typedef {object} RunOptions
 * @property {string} [model] "basicamt" (notes) or "septimbre" (notes by timbre)
 * @property {string} [variant]
 * @property {import("./session.js").Backend} [backend]
 * @property {number} [threads]
 * @property {(progress: import("./worker.js").Progress) => void} [onProgress]
 * @property {AbortSignal} [signal]
 */

/**
 * @typedef {object} NoteOptions
 * @property {Partial<import("./notes.js").Thresholds>} [thresholds] the model's own, unless told
 * @property {number | "auto"} [timbres] 1: all notes together
 */

/**
 * Notes of a recording.
 *
 * @param {Audio} audio
 * @param {Place & RunOptions & NoteOptions} options
 * @returns {Promise<Note[]>} by start and then pitch
 * @throws {TranscriptionError} whose code says what kind; `signal.reason` where it was aborted
 */
export async function transcribe(audio, options) {
  const analysis = await analyse(audio, options);
  try {
    return (await analysis.makeNotes(options, options.signal)).notes;
  } finally {
    analysis.close();
  }
}

/**
 * Run the network once; notes can then be made as often as thresholds move.
 *
 * @param {Audio} audio
 * @param {Place & RunOptions} options
 * @returns {Promise<Analysis>} to be closed after use
 * @throws {TranscriptionError} whose code says what kind; `signal.reason` where it was aborted
 */
export async function analyse(audio, options) {
  const { model = "basicamt", variant, backend = "wasm", threads, signal } = options;
  const { embedded } = options;
  signal?.throwIfAborted();
  const models = new URL(options.models, location.href).href;
  const manifest = embedded?.manifest ?? (await loadManifest(models, signal));
  const file = findModel(manifest, model, variant);
  const runtime = new URL(options.runtime ?? "ort/", location.href).href;
  const { samples, rateHz } = await readAudio(audio);
  /** @type {Omit<import("./worker.js").RunRequest, "id">} */
  const request = {
    task: "run",
    samples,
    rateHz,
    file,
    model: embedded ? await embedded.readModel(file.path) : new URL(file.path, models).href,
    runtimeFiles: embedded ? await embedded.readRuntime() : { folder: runtime },
    backend,
    threads,
  };
  signal?.throwIfAborted();
  const runner = new WorkerClient(embedded?.worker);
  try {
    const { activations, facts } = await runner.ask(request, {
      transfer: [samples.buffer],
      onProgress: options.onProgress,
      signal,
    });
    return new Analysis(activations, facts, thresholdsOf(file), embedded?.worker);
  } finally {
    runner.close();
  }
}

/** What a network heard in one recording. */
export class Analysis {
  /**
   * @param {import("./activations.js").Activations} activations
   * @param {import("./worker.js").RunFacts} facts
   * @param {Required<import("./notes.js").Thresholds>} thresholds
   * @param {string} [workerUrl]
   */
  constructor(activations, facts, thresholds, workerUrl) {
    /** Frames of the activations. */
    this.frames = activations.frames;
    /** The frame activation, PITCHES × frames, 255 for 1: enough to look at. */
    this.map = new Uint8Array(activations.frame.length);
    for (let i = 0; i < this.map.length; i++) this.map[i] = Math.round(255 * activations.frame[i]);
    this.facts = facts;
    /** The model's own thresholds. */
    this.thresholds = thresholds;
    /** Whether `timbres` other than 1 can be asked for. */
    this.separable = activations.embedding !== null;
    /** @type {import("./activations.js").Activations | null} */
    this._activations = activations;
    this._worker = new WorkerClient(workerUrl);
  }

  /**
   * Notes with these thresholds, without running the network.
   * @param {NoteOptions} [options]
   * @param {AbortSignal} [signal]
   * @returns {Promise<{notes: Note[], timbres: number}>}
   * @throws {RangeError} where a threshold or the number of timbres is none
   * @throws {TranscriptionError}
   */
  async makeNotes({ thresholds, timbres = 1 } = {}, signal) {
    if (timbres !== "auto" && !(Number.isInteger(timbres) && timbres >= 1)) {
      throw new RangeError(`timbres is ${timbres}; give "auto" or a whole number, 1 or more`);
    }
    /** @type {Omit<import("./worker.js").NotesRequest, "id">} */
    const request = {
      task: "notes",
      thresholds: checkThresholds({ ...this.thresholds, ...thresholds }),
      timbres,
    };
    /** @type {Transferable[]} */
    const transfer = [];
    if (this._activations) {
      const { onset, frame, embedding } = this._activations;
      transfer.push(onset.buffer, frame.buffer, ...(embedding ? [embedding.buffer] : []));
      request.activations = this._activations;
      this._activations = null;
    }
    return this._worker.ask(request, { transfer, signal });
  }

  /** Give the memory back. */
  close() {
    this._activations = null;
    this._worker.close();
  }
}

/**
 * @param {Audio} audio
 * @returns {Promise<{samples: Float32Array<ArrayBuffer>, rateHz: number}>} a copy
 */
async function readAudio(audio) {
  const read =
    "samples" in audio
      ? { samples: Float32Array.from(audio.samples), rateHz: audio.rateHz }
      : { samples: await mixToMono(audio), rateHz: audio.sampleRate };
  if (read.samples.length === 0) throw new TranscriptionError("audio", "the recording is empty");
  return read;
}

/** One worker, asked over messages. */
class WorkerClient {
  /** @param {string} [url] of the bundled worker; the module beside this one, unless told */
  constructor(url) {
    // Chromium 156 starts no module worker from a blob: URL in a page opened from disk.
    this._worker = url
      ? new Worker(url)
      : new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
    this._next = 0;
    /** @type {Set<(reason: unknown) => void>} */
    this._waiting = new Set();
  }

  /**
   * @param {Omit<import("./worker.js").RunRequest, "id"> | Omit<import("./worker.js").NotesRequest, "id">} request
   * @param {{transfer?: Transferable[], signal?: AbortSignal, onProgress?: (progress: any) => void}} options
   * @returns {Promise<any>}
   */
  ask(request, { transfer = [], signal, onProgress }) {
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
        if (data.progress) onProgress?.(data.progress);
        else if (data.id === id && data.error) {
          const { code, message } = data.error;
          finish(() => reject(new TranscriptionError(code, message)));
        } else if (data.id === id) finish(() => resolve(data.result));
      };
      const onError = (/** @type {ErrorEvent} */ event) => {
        event.preventDefault();
        const message = event.message || "its script did not load; reload the page";
        finish(() => reject(new TranscriptionError("runtime", `the worker failed: ${message}`)));
      };
      const onAbort = () => {
        const reason = signal?.reason;
        finish(() => reject(reason));
        // A network that is running hears nothing: only ending its worker stops it at once.
        if (request.task === "run") this.close();
      };
      if (signal?.aborted) return reject(signal.reason);
      worker.addEventListener("message", onMessage);
      worker.addEventListener("error", onError);
      signal?.addEventListener("abort", onAbort);
      this._waiting.add((reason) => finish(() => reject(reason)));
      worker.postMessage({ ...request, id }, transfer);
    });
  }

  /** End the worker; whoever still waits is told. */
  close() {
    this._worker.terminate();
    for (const stop of [...this._waiting]) stop(new DOMException("closed", "AbortError"));
  }
}
