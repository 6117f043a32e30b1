/** A file → an AudioBuffer, by the browser's own decoders. */

import { TranscriptionError } from "../errors.js";

/** Rate that files are decoded at: the networks', so that the browser's resampler does the work. */
const RATE_HZ = 44100;

/**
 * Decode an audio or video file.
 *
 * @param {Blob} file
 * @returns {Promise<AudioBuffer>} at 44 100 Hz, with the file's channels
 * @throws {TranscriptionError} "audio", if the browser cannot decode it or it holds no sound
 */
export async function decodeFile(file) {
  const name = file instanceof File && file.name ? file.name : "this file";
  if (file.size === 0) throw new TranscriptionError("audio", `${name} is empty`);
  const context = new OfflineAudioContext(1, 1, RATE_HZ);
  let buffer;
  try {
    buffer = await context.decodeAudioData(await file.arrayBuffer());
  } catch (error) {
    throw new TranscriptionError(
      "audio",
      `${name} cannot be decoded by this browser; convert it to WAV, FLAC or MP3, and try again`,
      { cause: error },
    );
  }
  if (buffer.length === 0) throw new TranscriptionError("audio", `${name} holds no sound`);
  return buffer;
}
