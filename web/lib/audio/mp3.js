/**
 * What an encoder of MP3 adds around a recording, which a browser should take away: WebKitGTK leaves
 * it, so that everything comes 25 ms late. How much it is stands in the first frame (the LAME tag,
 * "MP3 Info Tag", revision 1).
 */

/** Samples that a decoder of MP3 adds itself. */
const DECODER_DELAY = 529;
/** Hz, by version bits (2.5, none, 2, 1) and rate bits. */
const RATES = Object.freeze([[11025, 12000, 8000], [], [22050, 24000, 16000], [44100, 48000, 32000]]);

/**
 * @typedef {object} Gaps in samples
 * @property {number} rateHz
 * @property {number} whole length of all frames
 * @property {number} frame length of one
 * @property {number} delay before the recording
 * @property {number} padding after it
 */

/**
 * @param {Uint8Array} bytes of an MP3
 * @returns {Gaps | null} null: its encoder does not say
 */
export function readGaps(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  if (String.fromCharCode(...bytes.subarray(0, 3)) === "ID3" && bytes.length > 10) {
    at = 10 + [6, 7, 8, 9].reduce((size, i) => (size << 7) | (bytes[i] & 0x7f), 0);
  }
  if (at + 200 > bytes.length || (view.getUint16(at) & 0xffe0) !== 0xffe0) return null;
  const version = (bytes[at + 1] >> 3) & 3;
  const rateHz = RATES[version][(bytes[at + 2] >> 2) & 3];
  const isLayer3 = ((bytes[at + 1] >> 1) & 3) === 1;
  if (!rateHz || !isLayer3) return null;
  const isFirst = version === 3;
  const isMono = bytes[at + 3] >> 6 === 3;
  const side = isFirst ? (isMono ? 17 : 32) : isMono ? 9 : 17;
  const tag = at + 4 + side;
  if (!/^(Xing|Info)$/.test(String.fromCharCode(...bytes.subarray(tag, tag + 4)))) return null;
  const flags = view.getUint32(tag + 4);
  if (!(flags & 1)) return null; // the number of frames is missing
  // Then the number of bytes, a table of 100 places, and a quality, each if its flag is set.
  const lame = tag + 12 + (flags & 2 ? 4 : 0) + (flags & 4 ? 100 : 0) + (flags & 8 ? 4 : 0);
  if (lame + 24 > bytes.length || !/^L/.test(String.fromCharCode(bytes[lame]))) return null;
  const delays = (bytes[lame + 21] << 16) | (bytes[lame + 22] << 8) | bytes[lame + 23];
  const frame = isFirst ? 1152 : 576;
  const whole = view.getUint32(tag + 8) * frame;
  return { rateHz, whole, frame, delay: delays >> 12, padding: delays & 0xfff };
}

/**
 * The part of what a browser decoded that is the recording.
 * @param {Gaps} gaps
 * @param {number} seconds length of what was decoded
 * @returns {{from: number, to: number} | null} seconds; null: all of it
 */
export function findRecording({ rateHz, whole, frame, delay, padding }, seconds) {
  const before = delay + DECODER_DELAY;
  const length = whole - delay - padding;
  /** Lengths that decoders give, and what stands before the recording then. */
  const cases = [
    { given: length, late: 0 },
    { given: whole - before, late: 0 }, // only the beginning was taken away
    { given: whole, late: before },
    { given: whole + frame, late: before + frame }, // the frame with the tag was decoded, too
  ];
  const off = (/** @type {{given: number}} */ { given }) => Math.abs(given - seconds * rateHz);
  const { late } = cases.reduce((best, one) => (off(one) < off(best) ? one : best));
  return late === 0 ? null : { from: late / rateHz, to: (late + length) / rateHz };
}
