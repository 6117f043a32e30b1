/**
 * Uncompressed files that browsers do not read, or read wrongly → WAV of 32-bit floats, which all of
 * them read: AIFF (Apple, "Audio Interchange File Format", 1989, and AIFF-C, 1991) in every browser but
 * Safari, and WAV of 64-bit floats, which Chromium 156 refuses and Firefox 153 takes for 32 bits.
 */

/**
 * @typedef {object} Layout where the samples lie, interleaved
 * @property {number} channels
 * @property {number} rateHz
 * @property {number} bits of a sample
 * @property {boolean} float
 * @property {boolean} little whether the lowest byte comes first
 * @property {number} at offset of the first sample, in bytes
 * @property {number} size bytes
 */

/** Compressions of AIFF-C that are none, with what they say of the samples. */
export const AIFC = new Map([
  ["NONE", { float: false, little: false }],
  ["twos", { float: false, little: false }],
  ["in24", { float: false, little: false }],
  ["in32", { float: false, little: false }],
  ["sowt", { float: false, little: true }],
  ["42ni", { float: false, little: true }],
  ["42n1", { float: false, little: true }], // as libsndfile writes it
  ["23ni", { float: false, little: true }],
  ["fl32", { float: true, little: false }],
  ["FL32", { float: true, little: false }],
  ["fl64", { float: true, little: false }],
  ["FL64", { float: true, little: false }],
]);

/** @param {Uint8Array} bytes @param {number} at */
const letters = (bytes, at) => String.fromCharCode(...bytes.subarray(at, at + 4));

/**
 * A file in another form, if it is one of those above.
 * @param {Uint8Array<ArrayBuffer>} bytes
 * @returns {ArrayBuffer | null} null: it is not, or not whole
 */
export function convertToWav(bytes) {
  const layout = letters(bytes, 0) === "FORM" ? readAiff(bytes) : readDoubleWav(bytes);
  return layout && layout.channels > 0 && layout.rateHz > 0 ? writeWav(bytes, layout) : null;
}

/**
 * The chunks of a file: their names, and where their contents lie.
 * @param {Uint8Array<ArrayBuffer>} bytes
 * @param {boolean} little
 * @returns {Map<string, {view: DataView, at: number}>}
 */
function readChunks(bytes, little) {
  const whole = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const found = new Map();
  for (let at = 12; at + 8 <= bytes.length; ) {
    const size = whole.getUint32(at + 4, little);
    const last = Math.min(size, bytes.length - at - 8); // a recorder that was cut off leaves its sizes open
    const view = new DataView(bytes.buffer, bytes.byteOffset + at + 8, last);
    found.set(letters(bytes, at), { view, at: at + 8 });
    at += 8 + size + (size % 2);
  }
  return found;
}

/** @param {Uint8Array<ArrayBuffer>} bytes @returns {Layout | null} */
function readDoubleWav(bytes) {
  if (!/^RIFF|^RF64/.test(letters(bytes, 0)) || letters(bytes, 8) !== "WAVE") return null;
  const chunks = readChunks(bytes, true);
  const format = chunks.get("fmt ")?.view;
  const data = chunks.get("data");
  if (!format || !data || format.byteLength < 16) return null;
  const tag = format.getUint16(0, true);
  const extended = tag === 0xfffe && format.byteLength >= 26 ? format.getUint16(24, true) : tag;
  const bits = format.getUint16(14, true);
  if (extended !== 3 || bits !== 64) return null;
  const channels = format.getUint16(2, true);
  const rateHz = format.getUint32(4, true);
  const { at, view } = data;
  return { channels, rateHz, bits, float: true, little: true, at, size: view.byteLength };
}

/** @param {Uint8Array<ArrayBuffer>} bytes @returns {Layout | null} */
function readAiff(bytes) {
  const kind = letters(bytes, 8);
  const chunks = readChunks(bytes, false);
  const common = chunks.get("COMM");
  const sound = chunks.get("SSND");
  if (!common || !sound || common.view.byteLength < 18 || sound.view.byteLength < 8) return null;
  const { view } = common;
  const compression = kind === "AIFC" ? letters(bytes, common.at + 18) : "NONE";
  const samples = AIFC.get(compression);
  if (!samples) return null;
  // A float of 80 bits: sign and exponent, then a mantissa with its leading one.
  const exponent = (view.getUint16(8) & 0x7fff) - 16383;
  const rateHz = Math.round(view.getUint32(10) * 2 ** (exponent - 31) + view.getUint32(14) * 2 ** (exponent - 63));
  const offset = 8 + sound.view.getUint32(0);
  return {
    channels: view.getUint16(0),
    rateHz,
    bits: 8 * Math.ceil(view.getUint16(6) / 8),
    ...samples,
    at: sound.at + offset,
    size: Math.max(0, sound.view.byteLength - offset),
  };
}

/**
 * A function that reads one sample, in [-1, 1) unless it is a float.
 * @param {DataView} view
 * @param {Layout} layout
 * @returns {((at: number) => number) | null}
 */
function readerOf(view, { bits, float, little }) {
  if (float && bits === 32) return (at) => view.getFloat32(at, little);
  if (float && bits === 64) return (at) => view.getFloat64(at, little);
  if (float) return null;
  if (bits === 8) return (at) => view.getInt8(at) / 2 ** 7;
  if (bits === 16) return (at) => view.getInt16(at, little) / 2 ** 15;
  if (bits === 32) return (at) => view.getInt32(at, little) / 2 ** 31;
  if (bits !== 24) return null;
  const [low, high] = little ? [0, 1] : [2, 0];
  return (at) => (view.getInt16(at + high, little) * 256 + view.getUint8(at + low)) / 2 ** 23;
}

/**
 * @param {Uint8Array<ArrayBuffer>} bytes
 * @param {Layout} layout
 * @returns {ArrayBuffer | null}
 */
function writeWav(bytes, layout) {
  const { channels, rateHz, bits, at, size } = layout;
  const frame = (channels * bits) / 8;
  const count = channels * Math.floor(size / frame);
  const read = readerOf(new DataView(bytes.buffer, bytes.byteOffset + at, size), layout);
  if (!read) return null;
  const samples = startWav(count, channels, rateHz);
  for (let i = 0; i < count; i++) samples[i] = read((i * bits) / 8);
  return samples.buffer;
}

/** Bytes before the samples. */
const HEADER = 44;

/**
 * A WAV file of 32-bit floats, to be filled.
 * @param {number} count samples, of all channels
 * @param {number} channels
 * @param {number} rateHz
 * @returns {Float32Array<ArrayBuffer>} the samples, interleaved; its buffer is the file
 */
export function startWav(count, channels, rateHz) {
  const file = new ArrayBuffer(HEADER + 4 * count);
  const view = new DataView(file);
  const names = new TextEncoder();
  const put = (/** @type {number} */ at, /** @type {string} */ name) =>
    names.encodeInto(name, new Uint8Array(file, at, 4));
  put(0, "RIFF");
  view.setUint32(4, HEADER - 8 + 4 * count, true);
  put(8, "WAVE");
  put(12, "fmt ");
  view.setUint32(16, 16, true);
  view.setUint16(20, 3, true); // IEEE float
  view.setUint16(22, channels, true);
  view.setUint32(24, rateHz, true);
  view.setUint32(28, 4 * channels * rateHz, true);
  view.setUint16(32, 4 * channels, true);
  view.setUint16(34, 32, true);
  put(36, "data");
  view.setUint32(40, 4 * count, true);
  return new Float32Array(file, HEADER);
}
