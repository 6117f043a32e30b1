/** A file → an AudioBuffer, by the browser's own decoders; by others where it has none. */

import { TranscriptionError } from "../errors.js";

/** Rate that files are decoded at: the networks', so that the browser's resampler does the work. */
const RATE_HZ = 44100;

/**
 * Decode an audio or video file.
 *
 * @param {Blob} file
 * @returns {Promise<AudioBuffer>} at 44 100 Hz, with the file's channels
 * @throws {TranscriptionError} "audio", if it cannot be decoded or holds no sound; its reason says why
 */
export async function decodeFile(file) {
  const bytes = new Uint8Array(await file.arrayBuffer());
  try {
    const own = needsOwnDecoder(bytes) ? (await import("./pcm.js")).convertToWav(bytes) : null;
    const buffer = await decode(own ?? bytes.buffer);
    if (buffer.length > 0) return buffer;
  } catch (error) {
    throw await explain(file, error);
  }
  throw await explain(file);
}

/** @param {ArrayBuffer} content which is taken away */
function decode(content) {
  return new OfflineAudioContext(1, 1, RATE_HZ).decodeAudioData(content);
}

/**
 * Whether a file is an AIFF, or a WAV of numbers that browsers take for others.
 * @param {Uint8Array} bytes
 */
function needsOwnDecoder(bytes) {
  const head = new TextDecoder("latin1").decode(bytes.subarray(0, 4096));
  if (/^FORM.{4}AIF[FC]/s.test(head)) return true;
  return /^(RIFF|RF64).{4}WAVE/s.test(head) && /fmt .{18}\x40\0/s.test(head); // 64 bits a sample
}

/**
 * @param {Blob} file that was not decoded
 * @param {unknown} [cause] none: it was, and is empty
 * @returns {Promise<TranscriptionError>}
 */
async function explain(file, cause) {
  const { REASONS, whyUnreadable } = await import("./unreadable.js");
  const name = file instanceof File && file.name ? file.name : "this file";
  const bytes = new Uint8Array(await file.arrayBuffer());
  const reason = cause === undefined ? "no_sound" : whyUnreadable(bytes);
  return new TranscriptionError("audio", `${name} ${REASONS[reason]}`, { cause, reason, file: name });
}
