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
   * @param {ErrorOptions & {reason?: string, file?: string}} [options] reason: which of the code's
   *   failures it is, for a page that says it in another language; file: of which file
   */
  constructor(code, message, { cause, reason = "", file = "" } = {}) {
    super(message, { cause });
    this.name = "TranscriptionError";
    this.code = code;
    this.reason = reason;
    this.file = file;
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

/**
 * An error as a message to another thread.
 * @param {unknown} thrown
 * @returns {{code: ErrorCode, message: string, reason: string, file: string}}
 */
export function packError(thrown) {
  const known = thrown instanceof TranscriptionError;
  const { code, reason, file } = known ? thrown : new TranscriptionError("model", "");
  return { code, message: messageOf(thrown), reason, file };
}
