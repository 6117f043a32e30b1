/**
 * The library's worker: one recording each, from its audio to notes, and to other notes whenever
 * thresholds move. Ending it frees all of WebAssembly's memory.
 */

import { Listener } from "../audio/audio.js";
import { packError, TranscriptionError } from "../errors.js";
import { makeReady } from "./ready.js";
import { Transcript } from "../stream/transcript.js";

/**
 * @typedef {object} Part a file that is fetched and checked
 * @property {string} path
 * @property {number} bytes
 * @property {string} sha256
 * @property {string | Uint8Array<ArrayBuffer>} content its URL, or the file itself
 */

/** @typedef {{module: Part & {relaxed: boolean}, weights: Part}} EngineParts */

/**
 * @typedef {object} Needs the needs of a run, for any recording
 * @property {import("../manifest.js").StageFile[]} files
 * @property {(string | Uint8Array<ArrayBuffer>)[]} contents their URLs, or the files themselves
 * @property {import("./session.js").RuntimeFiles} runtimeFiles
 * @property {import("./session.js").Backend} backend
 * @property {number} [threads]
 * @property {EngineParts | null} engine what runs; null: onnxruntime-web
 * @property {string} note why it is not the requested backend; empty if it is
 */

/** @typedef {{task: "prepare", id: number} & Needs} PrepareRequest for a recording to come */

/**
 * @typedef {object} Hearing
 * @property {"run"} task
 * @property {number} id
 * @property {{length: number, rateHz: number}} recording whose samples are requested piece by piece
 * @property {Required<import("../notes/notes.js").Thresholds>} thresholds that notes will be made with
 * @property {boolean} keepOvertones
 * @property {number | "auto"} timbres that will be asked for first
 * @property {"auto" | number} tuning how sharp the recording is, in cents
 */

/** @typedef {Needs & Hearing} RunRequest */

/**
 * @typedef {object} NotesRequest
 * @property {"notes"} task
 * @property {number} id
 * @property {Required<import("../notes/notes.js").Thresholds>} thresholds
 * @property {boolean} keepOvertones
 * @property {number | "auto"} timbres 1: all notes together
 */

/** @typedef {{task: "stop", id: number}} StopRequest ends a request that is not awaited any more */
/** @typedef {{task: "audio", samples: Float32Array<ArrayBuffer>}} AudioPiece that was wanted */
/** @typedef {{task: "helpers", ports: MessagePort[]}} HelperPorts that were asked for */

/**
 * @typedef {object} Progress
 * @property {"download" | "run"} stage
 * @property {number} done in `total`'s unit: bytes, or seconds of audio
 * @property {number} total
 */

/**
 * @typedef {object} RunFacts
 * @property {string} model
 * @property {string} variant
 * @property {import("./session.js").Backend | "engine"} backend that ran
 * @property {boolean} relaxed whether the engine ran on relaxed SIMD
 * @property {number} threads
 * @property {string} fallback why it is not the requested backend; empty if it is
 * @property {boolean} stalled whether threads did not start, so that only one ran
 * @property {number} audioSeconds
 * @property {number} computeSeconds from audio to activations, sessions included, downloads not
 * @property {number} repairedSamples that were NaN or infinite
 * @property {boolean} tooShort whether it is under 0.19 s, so that it has no notes
 * @property {boolean} mostlyNoise whether it is noise, hum or clicks, so that it has no notes
 * @property {number} tuningCents how sharp the recording was, and was corrected; negative: flat
 */

/** Milliseconds between two reports of a download. */
const REPORT_MS = 100;

/** Samples of a frame, at the rate of the networks' input. */
const FRAME_SAMPLES = 512;

/** @type {Transcript | null} */
let transcript = null;
/** The engine and the files of a run, loaded once per worker. @type {Promise<import("./ready.js").Ready> | null} */
let ready = null;
/** The request that download progress is reported to, which may not have begun it; 0: none. */
let runId = 0;
/** Requests up to this id are to be stopped. */
let stopped = 0;
/** The last piece of audio, used by now: its memory is lent for the next, or it would be garbage. */
let lastPiece = new Float32Array(0);
/** Takes the requested piece of audio. @type {(samples: Float32Array<ArrayBuffer>) => void} */
let takeAudio = () => {};
/** Takes the ports of helpers. @type {(ports: MessagePort[]) => void} */
let takeHelpers = () => {};
/** Requests are served one after the other. */
let queue = Promise.resolve();

/** @param {unknown} message @param {Transferable[]} [transfer] */
const reply = (message, transfer = []) => self.postMessage(message, { transfer });

self.onmessage = (
  /** @type {MessageEvent<PrepareRequest | RunRequest | NotesRequest | StopRequest | AudioPiece | HelperPorts>} */
  { data },
) => {
  if (data.task === "run") runId = data.id;
  if (data.task === "audio") takeAudio(data.samples);
  else if (data.task === "helpers") takeHelpers(data.ports);
  else if (data.task === "stop") stopped = Math.max(stopped, data.id);
  else queue = queue.then(() => serve(data));
};

/** @param {PrepareRequest | RunRequest | NotesRequest} request */
async function serve(request) {
  const { id } = request;
  try {
    if (request.task === "prepare") await prepare(request);
    else if (request.task === "run") await run(request);
    else await makeNotes(request);
  } catch (error) {
    reply({ id, error: packError(error) });
  }
}

/** @param {PrepareRequest} request */
async function prepare(request) {
  await (await getReady(request)).compile();
  reply({ id: request.id, result: null });
}

/** @param {Needs} needs */
function getReady(needs) {
  ready ??= makeReady(needs, countTo, askForHelpers).catch((error) => {
    ready = null; // so that the next attempt starts afresh
    throw error;
  });
  return ready;
}

/** @param {RunRequest} request */
async function run(request) {
  const { id, files, thresholds, keepOvertones, timbres, tuning } = request;
  const listener = await Listener.of({ ...request.recording, read: askForAudio }, files[0].rate_hz);
  const { open, facts: runtimeFacts } = await getReady(request);
  const stages = await open(Math.ceil(listener.length / FRAME_SAMPLES));
  const startedMs = performance.now();
  const made = new Transcript(stages, listener);
  transcript = made;
  const map = await made.listen({
    thresholds,
    keepOvertones,
    timbres,
    tuning,
    onProgress: progressOf(id, listener.seconds),
    onNotes: (notes) => reply({ id, notes: notes.map((note) => inSeconds(note, 0, made.secondsPerFrame)) }),
  });
  /** @type {RunFacts} */
  const facts = {
    model: files[0].model,
    variant: files[0].variant,
    ...runtimeFacts(),
    audioSeconds: listener.seconds,
    computeSeconds: (performance.now() - startedMs) / 1000,
    repairedSamples: listener.repaired,
    tooShort: listener.brief,
    mostlyNoise: made.isNoise,
    tuningCents: listener.cents,
  };
  const { secondsPerFrame } = made;
  reply({ id, result: { map, secondsPerFrame, facts } }, [map.buffer]);
}

/** @param {NotesRequest} request */
async function makeNotes({ id, thresholds, keepOvertones, timbres }) {
  if (!transcript) throw new TranscriptionError("model", "no recording was given");
  const onProgress = progressOf(id, transcript.seconds);
  const made = await transcript.makeNotes({ thresholds, keepOvertones, timbres, onProgress });
  const { notes, labels, count, perhaps } = made;
  const { secondsPerFrame } = transcript;
  const timed = notes.map((note, i) => inSeconds(note, labels[i], secondsPerFrame));
  reply({ id, result: { notes: timed, timbres: count, perhaps } });
}

/**
 * @param {import("../notes/notes.js").FrameNote} note
 * @param {number} timbre
 * @param {number} secondsPerFrame
 * @returns {import("../transcribe.js").Note}
 */
function inSeconds({ startFrame, endFrame, pitch, velocity }, timbre, secondsPerFrame) {
  const [start, end] = [startFrame * secondsPerFrame, endFrame * secondsPerFrame];
  return { start, end, pitch, velocity, timbre };
}

/**
 * Reports the progress of a request, in seconds of audio, and ends a stopped one.
 * @param {number} id
 * @param {number} total
 * @returns {(fraction: number) => Promise<void>}
 */
function progressOf(id, total) {
  return async (fraction) => {
    reply({ id, progress: { stage: "run", done: fraction * total, total } });
    await new Promise((resume) => setTimeout(resume)); // lets a request to stop arrive
    if (stopped >= id) throw new DOMException("stopped", "AbortError");
  };
}

/**
 * @param {number} from
 * @param {number} to
 * @returns {Promise<Float32Array<ArrayBuffer>>} until the next call
 */
function askForAudio(from, to) {
  return new Promise((resolve) => {
    takeAudio = (samples) => resolve((lastPiece = samples));
    const { buffer } = lastPiece;
    reply({ wanted: { from, to, buffer } }, [buffer]);
  });
}

/** @type {import("../engine/helpers.js").StartHelpers} */
function askForHelpers(count, parts) {
  return new Promise((resolve) => {
    takeHelpers = resolve;
    reply({ helpers: { count, parts } });
  });
}

/**
 * Reports how many of a run's bytes have arrived.
 * @param {number} total bytes
 * @returns {(bytes: number) => void}
 */
function countTo(total) {
  let done = 0;
  let toldMs = 0;
  return (bytes) => {
    done += bytes;
    const now = performance.now();
    if (done < total && now - toldMs < REPORT_MS) return;
    toldMs = now;
    reply({ id: runId, progress: { stage: "download", done, total: Math.max(done, total) } });
  };
}
