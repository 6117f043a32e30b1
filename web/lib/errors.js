/** The failures of a transcription, in kinds that a page can act on. */

/**
 * @typedef {"audio" | "download" | "runtime" | "model" | "memory"} ErrorCode
 * audio: the recording cannot be read; download: a file did not arrive, or not whole;
 * runtime: onnxruntime-web did not start; model: the network failed or gave no activations;
 * memory: the recording is too long for this browser.
 */

/** A failure of a transcription; the message says what happened and what to do. */
export class TranscriptionError extends Error {
  /**
   * @param {ErrorCode} code
   * @param {string} message
   * @param {ErrorOptions} [options]
   */
  constructor(code, message, options) {
    super(message, options);
    this.name = "TranscriptionError";
    this.code = code;
  }
}

/**
 * The message of any thrown value: Emscripten throws bare numbers.
 * @param {unknown} thrown
 * @returns {string}
 */
export function messageOf(thrown) {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
