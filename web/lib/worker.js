/**
 * The library's worker, in two roles that never share an instance: running the network (ended
 * after each recording, which gives all of WebAssembly's memory back), and making notes (kept,
 * so that thresholds can move).
 */

import { computeActivations } from "./activations.js";
import { resample, sanitise, setLevel, SILENCE } from "./audio.js";
import { checkHash, download } from "./download.js";
import { messageOf, TranscriptionError } from "./errors.js";
import { makeNotes, SECONDS_PER_FRAME } from "./notes.js";
import { openSession, RUNTIME_FILES } from "./session.js";
import { clusterTimbres, estimateTimbres, noteEmbeddings } from "./timbres.js";

/**
 * @typedef {object} RunRequest
 * @property {"run"} task
 * @property {number} id
 * @property {Float32Array<ArrayBuffer>} samples mono
 * @property {number} rateHz
 * @property {import("./manifest.js").ModelFile} file
 * @property {string | Uint8Array<ArrayBuffer>} model its URL, or the file itself
 * @property {import("./session.js").RuntimeFiles} runtimeFiles
 * @property {import("./session.js").Backend} backend
 * @property {number} [threads]
 */

/**
 * @typedef {object} NotesRequest
 * @property {"notes"} task
 * @property {number} id
 * @property {import("./activations.js").Activations} [activations] held from then on
 * @property {Required<import("./notes.js").Thresholds>} thresholds
 * @property {number | "auto"} timbres 1: all notes together
 */

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
 * @property {import("./session.js").Backend} backend what ran
 * @property {number} threads
 * @property {string} fallback why it is not the backend that was asked for; else empty
 * @property {number} audioSeconds
 * @property {number} computeSeconds the network alone, download and start not counted
 * @property {number} repairedSamples that were NaN or infinite
 */

/** Memory of the notes role. @type {import("./activations.js").Activations | null} */
let held = null;

/** @param {unknown} message @param {Transferable[]} [transfer] */
const reply = (message, transfer = []) => self.postMessage(message, { transfer });

self.onmessage = async (/** @type {MessageEvent<RunRequest | NotesRequest>} */ { data }) => {
  const { id } = data;
  try {
    if (data.task === "run") await run(data);
    else reply({ id, result: notes(data) });
  } catch (error) {
    const code = error instanceof TranscriptionError ? error.code : "model";
    reply({ id, error: { code, message: messageOf(error) } });
  }
};

/** @param {RunRequest} request */
async function run({ id, samples, rateHz, file, model, runtimeFiles, backend, threads }) {
  const { peak, rms, repaired } = sanitise(samples);
  if (peak >= SILENCE) setLevel(samples, rms);
  const audio = resample(samples, rateHz, file.rate_hz);
  const audioSeconds = audio.length / file.rate_hz;
  const bytes = await fetchAll(file, model, runtimeFiles, backend);
  const open = await openSession(bytes, { files: runtimeFiles, backend, threads });
  const startedMs = performance.now();
  // Silence is answered without the network: it divides by the deviation of the energy.
  const activations =
    peak < SILENCE
      ? silence(file)
      : await computeActivations(open, audio, (done) =>
          reply({
            progress: { stage: "run", done: done / file.rate_hz, total: audioSeconds },
          }),
        );
  /** @type {RunFacts} */
  const facts = {
    model: file.model,
    variant: file.variant,
    backend: open.backend,
    threads: open.threads,
    fallback: open.note,
    audioSeconds,
    computeSeconds: (performance.now() - startedMs) / 1000,
    repairedSamples: repaired,
  };
  await open.session.release();
  const { onset, frame, embedding } = activations;
  reply({ id, result: { activations, facts } }, [
    onset.buffer,
    frame.buffer,
    ...(embedding ? [embedding.buffer] : []),
  ]);
}

/**
 * The model, and the runtime into the browser's cache, counted together.
 * @param {import("./manifest.js").ModelFile} file
 * @param {string | Uint8Array<ArrayBuffer>} model
 * @param {import("./session.js").RuntimeFiles} runtimeFiles
 * @param {import("./session.js").Backend} backend
 * @returns {Promise<Uint8Array<ArrayBuffer>>}
 */
async function fetchAll(file, model, runtimeFiles, backend) {
  if (typeof model !== "string") return model;
  let done = 0;
  let total = file.bytes;
  const count = (/** @type {number} */ bytes) => {
    done += bytes;
    reply({ progress: { stage: "download", done, total: Math.max(done, total) } });
  };
  // onnxruntime-web fetches its WebAssembly itself, streaming into the compiler, and tells nobody
  // how far it is: this fetch beside it counts, and leaves the file in the HTTP cache.
  const { wasm } = RUNTIME_FILES[backend];
  const warming = runtimeFiles.folder
    ? download(new URL(wasm, runtimeFiles.folder).href, count, (length) => (total += length))
    : null;
  const bytes = await download(model, count);
  await checkHash(bytes, file.sha256, file.path);
  await warming;
  return bytes;
}

/**
 * What a network would hear in silence: no frames, no notes.
 * @param {import("./manifest.js").ModelFile} file
 * @returns {import("./activations.js").Activations}
 */
function silence(file) {
  const embedded = file.outputs.some((output) => output.name === "embedding");
  return {
    onset: new Float32Array(0),
    frame: new Float32Array(0),
    embedding: embedded ? new Float32Array(0) : null,
    frames: 0,
  };
}

/** @param {NotesRequest} request */
function notes({ activations, thresholds, timbres }) {
  held = activations ?? held;
  if (!held) throw new TranscriptionError("model", "no activations were given");
  const { onset, frame, embedding, frames } = held;
  const found = makeNotes(onset, frame, frames, thresholds);
  let count = 1;
  /** @type {Uint16Array} */
  let labels = new Uint16Array(found.length);
  if (timbres !== 1 && found.length > 0) {
    if (!embedding) {
      throw new TranscriptionError(
        "model",
        "this model does not tell timbres apart; choose one with an embedding, such as septimbre",
      );
    }
    const vectors = noteEmbeddings(found, embedding, frame, frames);
    count = timbres === "auto" ? estimateTimbres(vectors) : timbres;
    labels = clusterTimbres(vectors, count);
  }
  return {
    notes: found.map((note, i) => ({
      start: note.startFrame * SECONDS_PER_FRAME,
      end: note.endFrame * SECONDS_PER_FRAME,
      pitch: note.pitch,
      velocity: note.velocity,
      timbre: labels[i],
    })),
    timbres: count,
  };
}
