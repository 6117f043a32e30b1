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
  let bytes = new Uint8Array(await file.arrayBuffer());
  try {
    const own = needsOwnDecoder(bytes) ? (await import("./pcm.js")).convertToWav(bytes) : null;
    const mp3 = isMp3(bytes) ? await import("./mp3.js") : null;
    const gaps = mp3?.readGaps(bytes);
    const buffer = await decode(own ?? bytes.buffer);
    const part = gaps && mp3?.findRecording(gaps, buffer.duration);
    if (buffer.length > 0) return part ? cut(buffer, part) : buffer;
  } catch (error) {
    bytes = new Uint8Array(await file.arrayBuffer()); // the browser took them
    const buffer = await decodeLossless(bytes).catch(() => null);
    if (buffer) return buffer;
    throw await explain(file, error);
  }
  throw await explain(file);
}

/**
 * @param {Uint8Array<ArrayBuffer>} bytes
 * @returns {Promise<AudioBuffer | null>} null: it is no Apple Lossless
 */
async function decodeLossless(bytes) {
  const { findAlac } = await import("./packets.js");
  const found = findAlac(bytes);
  if (!found) return null;
  const { decodeAlac } = await import("./alac.js");
  return decode(await decodeAlac(found));
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

/** @param {Uint8Array} bytes */
function isMp3([a, b, c]) {
  return (a === 0x49 && b === 0x44 && c === 0x33) || (a === 0xff && (b & 0xe6) === 0xe2); // "ID3", or a frame
}

/**
 * @param {AudioBuffer} buffer
 * @param {{from: number, to: number}} part seconds
 */
function cut(buffer, { from, to }) {
  const { sampleRate, numberOfChannels } = buffer;
  const [first, last] = [from, Math.min(to, buffer.duration)].map((at) => Math.round(at * sampleRate));
  const length = Math.max(1, last - first);
  const kept = new AudioBuffer({ length, numberOfChannels, sampleRate });
  for (let c = 0; c < numberOfChannels; c++) {
    kept.copyToChannel(buffer.getChannelData(c).subarray(first, first + length), c);
  }
  return kept;
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
