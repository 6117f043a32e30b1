/** The library's entry: audio in, notes out, everything heavy in a worker. */

import { WorkerClient } from "./worker/client.js";
import { TranscriptionError } from "./errors.js";
import { hasRelaxedSimd, hasSimd } from "./engine/features.js";
import { findEngine, findStages, loadManifest, thresholdsOf } from "./manifest.js";
import { checkThresholds, PITCHES } from "./notes/notes.js";

/**
 * @typedef {object} Note
 * @property {number} start seconds
 * @property {number} end seconds
 * @property {number} pitch MIDI number, 24 to 107
 * @property {number} velocity mean activation over the note, in [0, 1]
 * @property {number} timbre 0 … number of timbres − 1, numbered by first appearance
 */

/** @typedef {import("./audio/audio.js").Audio} Audio */

/**
 * @typedef {object} Place where the site keeps what the library loads
 * @property {string | URL} models folder that `make export` wrote, ending in "/"
 * @property {string | URL} [runtime] onnxruntime-web's `dist` folder, ending in "/"
 * @property {Embedded} [embedded] everything in memory instead, for a page without a server
 */

/**
 * @typedef {object} Embedded
 * @property {string} worker URL of lib/worker/worker.js, bundled into a classic script
 * @property {import("./manifest.js").Manifest} manifest
 * @property {(path: string) => Promise<Uint8Array<ArrayBuffer>>} readModel by the manifest's path
 * @property {() => Promise<import("./worker/session.js").RuntimeFiles>} readRuntime
 */

/**
 * @typedef {object} RunOptions
 * @property {string} [model] "basicamt" (notes) or "septimbre" (notes by timbre)
 * @property {"engine" | import("./worker/session.js").Backend} [backend] default: the engine,
 *   where the manifest has weights for it and the browser SIMD; the others are onnxruntime-web
 * @property {number} [threads] of onnxruntime-web, or workers of the engine
 * @property {"auto" | number} [tuning] how sharp the recording is, in cents; to be corrected.
 *   Default: "auto", which measures it, and corrects nothing if it is not clear
 * @property {(progress: import("./worker/worker.js").Progress) => void} [onProgress]
 * @property {(notes: Note[]) => void} [onNotes] called with notes as they are found, each once;
 *   they are provisional, and the result replaces them
 * @property {AbortSignal} [signal]
 */

/**
 * @typedef {object} NoteOptions
 * @property {Partial<import("./notes/notes.js").Thresholds>} [thresholds] default: the model's own
 * @property {boolean} [keepOvertones] whether to keep notes that are probably overtones, echoes or
 *   fragments of others; default: false
 * @property {number | "auto"} [timbres] 1: all notes together
 */

/**
 * Notes of a recording.
 *
 * @param {Audio} audio
 * @param {Place & RunOptions & NoteOptions} options
 * @returns {Promise<Note[]>} by start and then pitch
 * @throws {TranscriptionError} whose code says what kind; `signal.reason` where it was aborted
 * @throws {RangeError} if a threshold or the number of timbres is invalid
 */
export async function transcribe(audio, options) {
  const analysis = await analyse(audio, options);
  try {
    return (await analysis.makeNotes(options)).notes;
  } finally {
    analysis.close();
  }
}

/** A worker that prepares for the next recording. @type {{key: string, client: WorkerClient} | null} */
let spare = null;

/**
 * Fetch and compile ahead, for instance while a recording is being chosen. The next `analyse` or
 * `transcribe` with the same place, model, backend and threads continues from there. A failure is
 * not reported here: the same step fails there again.
 *
 * @param {Place & RunOptions} options
 * @returns {Promise<void>} settled when nothing more can be done ahead; at once if the same is
 *   under way
 */
export async function prepare(options) {
  const key = keyOf(options);
  if (spare?.key === key) return;
  spare?.client.close();
  const own = { key, client: new WorkerClient(options.embedded?.worker) };
  spare = own;
  try {
    await own.client.ask({ task: "prepare", ...(await locate(options)) }, {});
  } catch {
    if (spare !== own) return; // a run has it
    own.client.close();
    spare = null;
  }
}

/** @param {Place & RunOptions} options */
function keyOf({ models, runtime, model, backend, threads }) {
  return JSON.stringify([models, runtime, model, backend, threads]);
}

/** @param {Place & RunOptions} options @returns {WorkerClient} the spare one, if it fits */
function takeWorker(options) {
  const found = spare;
  spare = null;
  if (found?.key === keyOf(options)) return found.client;
  found?.client.close();
  return new WorkerClient(options.embedded?.worker);
}

/**
 * The files that a run needs, and where they are.
 * @param {Place & RunOptions} options
 * @returns {Promise<import("./worker/worker.js").Needs>}
 * @throws {TranscriptionError} "download" or "model"
 */
async function locate({ runtime = "ort/", model = "basicamt", backend, ...options }) {
  const { threads, signal, embedded } = options;
  const models = new URL(options.models, location.href).href;
  const manifest = embedded?.manifest ?? (await loadManifest(models, signal));
  const files = findStages(manifest, model);
  /** @param {string} path */
  const find = async (path) => (embedded ? embedded.readModel(path) : new URL(path, models).href);
  const can = { simd: hasSimd(), relaxed: hasRelaxedSimd() };
  const found = (backend ?? "engine") === "engine" ? findEngine(manifest, model, can) : "";
  if (typeof found !== "string") {
    const { module, weights } = found;
    const engine = {
      module: { ...module, content: await find(module.path) },
      weights: { ...weights, content: await find(weights.path) },
    };
    /** @type {import("./worker/session.js").Backend} */
    const spared = "wasm";
    return { files, contents: [], runtimeFiles: {}, backend: spared, threads, engine, note: "" };
  }
  return {
    files,
    contents: await Promise.all(files.map(({ path }) => find(path))),
    runtimeFiles: embedded
      ? await embedded.readRuntime()
      : { folder: new URL(runtime, location.href).href },
    backend: backend === "webgpu" ? backend : "wasm",
    threads,
    engine: null,
    note: backend === "engine" ? found : "",
  };
}

/**
 * Run the network once; notes can then be made as often as thresholds move.
 *
 * @param {Audio} audio left as it is; read piece by piece until the analysis is closed
 * @param {Place & RunOptions & NoteOptions} options thresholds and timbres: those that will be
 *   asked for first, so that the same run computes what they need
 * @returns {Promise<Analysis>} to be closed after use
 * @throws {TranscriptionError} whose code says what kind; `signal.reason` where it was aborted
 * @throws {RangeError} if a threshold or the number of timbres is invalid
 */
export async function analyse(audio, options) {
  const { timbres = 1, keepOvertones = false, tuning = "auto", signal } = options;
  if (tuning !== "auto" && !(Math.abs(tuning) <= 1200)) {
    throw new RangeError(`tuning is ${tuning}; give "auto" or cents from -1200 to 1200`);
  }
  signal?.throwIfAborted();
  const recording = describe(audio);
  const needs = await locate(options);
  const { files } = needs;
  const own = thresholdsOf(files[0]);
  /** @type {Omit<import("./worker/worker.js").RunRequest, "id">} */
  const request = {
    task: "run",
    recording,
    ...needs,
    thresholds: checkThresholds({ ...own, ...options.thresholds }),
    keepOvertones,
    timbres,
    tuning,
  };
  signal?.throwIfAborted();
  const client = takeWorker(options);
  client.audio = audio;
  try {
    const { map, secondsPerFrame, facts } = await client.ask(request, options);
    const separable = files.some(({ stage }) => stage === "embed");
    return new Analysis(client, { map, secondsPerFrame, facts, thresholds: own, separable });
  } catch (error) {
    // A running network gets no messages: ending its worker stops it at once.
    client.close();
    throw error;
  }
}

/** The result of a network on one recording, from which notes are made. */
export class Analysis {
  /**
   * @param {WorkerClient} client whose worker has the recording
   * @param {object} known
   * @param {Uint8Array} known.map
   * @param {number} known.secondsPerFrame
   * @param {import("./worker/worker.js").RunFacts} known.facts
   * @param {Required<import("./notes/notes.js").Thresholds>} known.thresholds
   * @param {boolean} known.separable
   */
  constructor(client, { map, secondsPerFrame, facts, thresholds, separable }) {
    this._client = client;
    /** The frame activation, PITCHES × frames, 255 for 1: enough for a picture. */
    this.map = map;
    /** Frames of the activations; 0 if the recording is silent or too short. */
    this.frames = map.length / PITCHES;
    /** From one frame to the next. */
    this.secondsPerFrame = secondsPerFrame;
    this.facts = facts;
    /** The model's own thresholds. */
    this.thresholds = thresholds;
    /** Whether the model separates timbres, so that `timbres` may be other than 1. */
    this.separable = separable;
  }

  /**
   * Notes with these thresholds. The network runs again, calling `onProgress`, only for timbres
   * that the first run was not asked for, or for those of notes far below its thresholds.
   * @param {NoteOptions & Pick<RunOptions, "onProgress" | "signal">} [options]
   * @returns {Promise<{notes: Note[], timbres: number, perhaps: number}>} perhaps: how many timbres
   *   there may be, where "auto" tells fewer apart
   * @throws {RangeError} if a threshold or the number of timbres is invalid
   * @throws {TranscriptionError}
   */
  async makeNotes({ thresholds, keepOvertones = false, timbres = 1, onProgress, signal } = {}) {
    if (timbres !== "auto" && !(Number.isInteger(timbres) && timbres >= 1)) {
      throw new RangeError(`timbres is ${timbres}; give "auto" or a whole number, 1 or more`);
    }
    /** @type {Omit<import("./worker/worker.js").NotesRequest, "id">} */
    const request = {
      task: "notes",
      thresholds: checkThresholds({ ...this.thresholds, ...thresholds }),
      keepOvertones,
      timbres,
    };
    return this._client.ask(request, { onProgress, signal });
  }

  /** Free the memory. */
  close() {
    this._client.close();
  }
}

/**
 * @param {Audio} audio
 * @returns {import("./worker/worker.js").RunRequest["recording"]}
 * @throws {TranscriptionError} "audio"
 */
function describe(audio) {
  const [length, rateHz] =
    "samples" in audio ? [audio.samples.length, audio.rateHz] : [audio.length, audio.sampleRate];
  if (length === 0) throw new TranscriptionError("audio", "the recording is empty");
  return { length, rateHz };
}
