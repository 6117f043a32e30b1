/** Why a file cannot be read as sound: a sentence that is true for it. */

/** @typedef {"empty" | "text" | "notes" | "no_sound" | "not_sound" | "damaged" | "format"} Reason */

/** What a message says after the file's name. @type {Readonly<Record<Reason, string>>} */
export const REASONS = Object.freeze({
  empty: "is empty",
  text: "holds text, not sound",
  notes: "holds notes already (MIDI), not sound",
  no_sound: "holds no sound; choose a recording, or a video with sound",
  not_sound: "is no recording",
  damaged: "is damaged or incomplete; save it again, and try that",
  format: "cannot be decoded by this browser; convert it to WAV, FLAC or MP3, and try again",
});

/** Beginnings of files that hold no sound. */
const OTHERS = Object.freeze(["\x89PNG", "\xff\xd8\xff", "GIF8", "%PDF", "PK\x03\x04", "\x1f\x8b", "Rar!", "7z\xbc\xaf"]);
/** Bytes that are looked at. */
const LOOKED_AT = 1 << 16;

/**
 * @param {Uint8Array} bytes of a file that the browser did not decode
 * @returns {Reason}
 */
export function whyUnreadable(bytes) {
  if (bytes.length === 0) return "empty";
  const text = latin(bytes.subarray(0, LOOKED_AT));
  if (text.startsWith("MThd")) return "notes";
  if (OTHERS.some((start) => text.startsWith(start))) return "not_sound";
  if (text.slice(4, 8) === "ftyp") return hasSoundTrack(bytes) ? "format" : "no_sound";
  // The codecs of Matroska and WebM begin with V_, A_ or S_, in a header near the beginning.
  if (text.startsWith("\x1aE\xdf\xa3")) return /A_[A-Z]{3}/.test(text) ? "format" : "no_sound";
  if (text.startsWith("RIFF") && text.slice(8, 12) === "AVI ") return /auds/.test(text) ? "format" : "no_sound";
  if (text.startsWith("RIFF")) return /fmt .{4}[\x01\x03\xfe]/s.test(text) ? "damaged" : "format";
  if (/^(FORM|fLaC|OggS|ID3|\xff[\xe2-\xfb])/.test(text)) return "damaged";
  return isText(bytes.subarray(0, LOOKED_AT)) ? "text" : "format";
}

/** @param {Uint8Array} bytes */
function latin(bytes) {
  return new TextDecoder("latin1").decode(bytes);
}

/** @param {Uint8Array} bytes */
function isText(bytes) {
  if (bytes.some((byte) => byte < 9 || (byte > 13 && byte < 32 && byte !== 27))) return false;
  try {
    // The last letter may have been cut.
    new TextDecoder("utf-8", { fatal: true }).decode(bytes, { stream: true });
    return true;
  } catch {
    return false;
  }
}

/**
 * Whether an MPEG-4 file has a track of sound: a handler of that kind. The boxes with the tracks may
 * come before or after the pictures.
 * @param {Uint8Array} bytes
 */
function hasSoundTrack(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at + 8 <= bytes.length; ) {
    let size = view.getUint32(at);
    if (size === 1 && at + 16 <= bytes.length) size = Number(view.getBigUint64(at + 8));
    if (size < 8) size = bytes.length - at;
    if (latin(bytes.subarray(at + 4, at + 8)) === "moov") {
      return /hdlr.{8}soun/s.test(latin(bytes.subarray(at, at + size)));
    }
    at += size;
  }
  return false;
}
