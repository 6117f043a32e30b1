/** Why a file cannot be read as sound: a sentence that is true for it. */

import { AIFC } from "./pcm.js";

/** @typedef {"empty" | "text" | "notes" | "no_sound" | "not_sound" | "damaged" | "format" | "unknown"} Reason */

/** What a message says after the file's name. @type {Readonly<Record<Reason, string>>} */
export const REASONS = Object.freeze({
  empty: "is empty",
  text: "holds text, not sound",
  notes: "holds notes already (MIDI), not sound",
  no_sound: "holds no sound; choose a recording, or a video with sound",
  not_sound: "is no recording",
  damaged: "is damaged or incomplete; save it again, and try that",
  format: "cannot be decoded by this browser; convert it to WAV, FLAC or MP3, and try again",
  unknown: "is in a format that is unknown here, or damaged",
});

/** Bytes that are looked at. */
const LOOKED_AT = 1 << 16;
/** Beginnings of files that hold no sound: pictures, documents, archives. */
const OTHERS = /^(\x89PNG|\xff\xd8\xff|GIF8|BM.{4}\0{4}|RIFF.{4}WEBP|%PDF|PK\x03\x04|\x1f\x8b|Rar!|7z\xbc\xaf)/s;
/** Beginnings of sound that browsers differ in, or that none of them plays: others convert it. */
const FORMATS = new RegExp(
  "^(caff|riff|\\.snd|FRM8|DSD |MAC |wvPk|MPCK|MP\\+|TTA1|#!AMR|\\.RMF|FLV\\x01|ADIF" + // Core Audio to AAC
    "|\\x30\\x26\\xb2\\x75|\\x0b\\x77|\\x7f\\xfe\\x80\\x01|\\0\\0\\x01[\\xb3\\xba]|G.{187}G" + // WMA, AC-3, DTS, MPEG
    "|\\xff[\\xf0\\xf1\\xf8\\xf9\\xf4\\xf5\\xfc\\xfd])", // frames of AAC, and of MPEG's layer II
  "s",
);

/**
 * @param {Uint8Array} bytes of a file that was not decoded
 * @returns {Reason}
 */
export function whyUnreadable(bytes) {
  if (bytes.length === 0) return "empty";
  const text = latin(bytes.subarray(0, LOOKED_AT));
  const kind = text.slice(8, 12);
  if (text.startsWith("MThd")) return "notes";
  if (OTHERS.test(text)) return "not_sound";
  if (/^.{4}(ftyp|moov|mdat|wide|free|skip)/s.test(text)) return whyNotMpeg4(bytes);
  // The codecs of Matroska and WebM begin with V_, A_ or S_, in a header near the beginning.
  if (text.startsWith("\x1aE\xdf\xa3")) return /A_[A-Z]{3}/.test(text) ? "format" : "no_sound";
  if (/^(RIFF|RF64|BW64)/.test(text)) {
    if (kind === "AVI ") return /auds/.test(text) ? "format" : "no_sound";
    if (kind !== "WAVE" && kind.length === 4) return "unknown";
    if (bytes.length < LOOKED_AT && /data\0{4}$/.test(text)) return "no_sound";
    return text.startsWith("RIFF") && !/fmt .{4}[^\x01\x03\xfe]/s.test(text) ? "damaged" : "format";
  }
  if (/^FORM.{4}AIF[FC]/s.test(text)) {
    if (/COMM.{6}\0{4}/s.test(text)) return "no_sound";
    const compression = /AIFC.*COMM.{22}(.{4})/s.exec(text)?.[1];
    return compression && !AIFC.has(compression) ? "format" : "damaged";
  }
  if (text.startsWith("caff")) return /desc.{16}alac/s.test(text) ? "damaged" : "format";
  if (text.startsWith("OggS")) return /^.{28}(\x01vorbis|OpusHead|\x7fFLAC)/s.test(text) ? "damaged" : "format";
  if (/^(fLaC|ID3|\xff[\xe2\xe3\xf2\xf3\xfa\xfb])/.test(text)) return "damaged";
  if (FORMATS.test(text)) return "format";
  if (isText(bytes.subarray(0, LOOKED_AT))) return "text";
  return /[^\0]/.test(text) ? "unknown" : "damaged";
}

/**
 * A letter a byte. Browsers take "latin1" for Windows-1252, whose letters from 80 to 9F are others.
 * @param {Uint8Array} bytes
 */
function latin(bytes) {
  let text = "";
  for (let at = 0; at < bytes.length; at += 4096) {
    text += String.fromCharCode(...bytes.subarray(at, at + 4096));
  }
  return text;
}

/**
 * Whether bytes are text: in UTF-8 or, with the mark of Windows, UTF-16; or in any other encoding, none
 * of which has control characters, and with spaces or ends of lines, as the binary seldom is.
 * @param {Uint8Array} bytes
 */
function isText(bytes) {
  if (decodes("utf-16le", bytes, 0xff, 0xfe) || decodes("utf-16be", bytes, 0xfe, 0xff)) return true;
  if (bytes.some((byte) => byte < 9 || (byte > 13 && byte < 32 && byte !== 27) || byte === 127)) return false;
  return decodes("utf-8", bytes) || bytes.some((byte) => byte === 10 || byte === 13 || byte === 32);
}

/**
 * @param {string} encoding
 * @param {Uint8Array} bytes
 * @param {number[]} mark bytes that it begins with
 */
function decodes(encoding, bytes, ...mark) {
  if (mark.some((byte, i) => bytes[i] !== byte)) return false;
  try {
    // The last letter may have been cut.
    new TextDecoder(encoding, { fatal: true }).decode(bytes, { stream: true });
    return true;
  } catch {
    return false;
  }
}

/**
 * Why an MPEG-4 or QuickTime file was not decoded. The box that lists its tracks may come before or
 * after their contents; without it, part of the file is missing.
 * @param {Uint8Array} bytes
 * @returns {Reason}
 */
function whyNotMpeg4(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at + 8 <= bytes.length; ) {
    let size = view.getUint32(at);
    if (size === 1 && at + 16 <= bytes.length) size = Number(view.getBigUint64(at + 8));
    if (size < 8) size = bytes.length - at;
    if (at + size > bytes.length) break;
    if (latin(bytes.subarray(at + 4, at + 8)) === "moov") {
      const tracks = latin(bytes.subarray(at, at + size));
      if (!/hdlr.{8}soun/s.test(tracks)) return "no_sound";
      return /stsd.{12}alac/s.test(tracks) ? "damaged" : "format"; // Apple Lossless is read here
    }
    at += size;
  }
  return "damaged";
}
