/**
 * Audio → activations: the one place where a network runs.
 *
 * Everything before it is signal, everything after it is notes; how the network is run (whole, or
 * in pieces) is nobody else's business.
 */

import { messageOf, TranscriptionError } from "./errors.js";
import { PITCHES } from "./notes.js";
import { EMBEDDING_SIZE } from "./timbres.js";

/**
 * @typedef {object} Activations
 * @property {Float32Array<ArrayBuffer>} onset PITCHES × frames, flat, in [0, 1]
 * @property {Float32Array<ArrayBuffer>} frame PITCHES × frames, flat, in [0, 1]
 * @property {Float32Array<ArrayBuffer> | null} embedding EMBEDDING_SIZE × PITCHES × frames, flat;
 *   null where the model has none
 * @property {number} frames
 */

/** A network divides by a deviation over its frames; shorter recordings are padded with silence. */
const SHORTEST_SAMPLES = 4096;

/**
 * Run the network over a recording.
 *
 * @param {import("./session.js").OpenSession} open
 * @param {Float32Array<ArrayBuffer>} samples mono, finite, at the model's rate
 * @param {(doneSamples: number) => void} onProgress
 * @returns {Promise<Activations>}
 * @throws {TranscriptionError} "memory" or "model"
 */
export async function computeActivations(open, samples, onProgress) {
  const { session, runtime } = open;
  let audio = samples;
  if (audio.length < SHORTEST_SAMPLES) {
    audio = new Float32Array(SHORTEST_SAMPLES);
    audio.set(samples);
  }
  onProgress(0);
  const input = new runtime.Tensor("float32", audio, [1, 1, audio.length]);
  let outputs;
  try {
    outputs = await session.run({ [session.inputNames[0]]: input });
  } catch (error) {
    throw runError(error, samples.length);
  }
  const frames = outputs.frame?.dims.at(-1) ?? 0;
  /** @param {string} name @param {number} channels */
  const read = (name, channels) => {
    const data = /** @type {Float32Array<ArrayBuffer> | undefined} */ (outputs[name]?.data);
    if (data?.length !== channels * PITCHES * frames) {
      throw new TranscriptionError(
        "model",
        `the model gave ${data?.length ?? "no"} values of ${name}, ` +
          `${channels} × ${PITCHES} × ${frames} were expected; export it again`,
      );
    }
    return data;
  };
  const activations = {
    onset: read("onset", 1),
    frame: read("frame", 1),
    embedding: session.outputNames.includes("embedding") ? read("embedding", EMBEDDING_SIZE) : null,
    frames,
  };
  onProgress(samples.length);
  return activations;
}

/**
 * @param {unknown} error
 * @param {number} lengthSamples
 */
function runError(error, lengthSamples) {
  const message = messageOf(error);
  // Emscripten's uncaught C++ exceptions arrive as bare numbers; here they are failed allocations.
  if (typeof error === "number" || /bad_?alloc|memory|allocat|out of bounds/i.test(message)) {
    return new TranscriptionError(
      "memory",
      `${Math.round(lengthSamples / 44100)} s of audio do not fit into this browser's memory; ` +
        "try a shorter piece, or the smaller model",
      { cause: error },
    );
  }
  return new TranscriptionError("model", `the network failed (${message}); reload the page`, {
    cause: error,
  });
}
