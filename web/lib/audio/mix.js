/**
 * Channels → one: their mean, unless they cancel each other. A cable or a plug-in that inverts one
 * of two channels would make their mean silent.
 */

/** @typedef {import("./audio.js").Audio} Audio */
/** @typedef {Exclude<Audio, {samples: Float32Array}>} Channels */

/** Number and length of the stretches, spread over the recording, that are searched for inversion. */
const STRETCHES = 256;
const STRETCH_SAMPLES = 4096;
/** Smallest energy of the sum of two channels, as a share of their difference's. */
const CANCELLED = 0.5;

/** @type {WeakMap<Channels, number[]>} */
const known = new WeakMap();

/**
 * The mean of the channels, from one sample to another; a channel that cancels those before it is
 * inverted. A single channel stays unchanged, to the last bit.
 * @param {Audio} audio
 * @param {number} from
 * @param {number} to exclusive
 * @param {ArrayBuffer} [room] for the copy, if it is large enough
 * @returns {Float32Array<ArrayBuffer>} a copy
 */
export function mixToMono(audio, from, to, room = new ArrayBuffer(0)) {
  const length = to - from;
  const mono =
    room.byteLength < 4 * length ? new Float32Array(length) : new Float32Array(room, 0, length);
  if ("samples" in audio) {
    mono.set(audio.samples.subarray(from, to));
    return mono;
  }
  let signs = known.get(audio);
  if (!signs) known.set(audio, (signs = findSigns(audio)));
  mono.fill(0);
  const part = new Float32Array(length);
  for (const [c, sign] of signs.entries()) {
    audio.copyFromChannel(part, c, from);
    for (let i = 0; i < mono.length; i++) mono[i] += sign * part[i];
  }
  for (let i = 0; i < mono.length; i++) mono[i] /= signs.length;
  return mono;
}

/**
 * For each channel 1, or -1 if it is inverted.
 * @param {Channels} audio
 * @returns {number[]}
 */
function findSigns(audio) {
  const count = audio.numberOfChannels;
  const signs = Array.from({ length: count }, () => 1);
  if (count === 1) return signs;
  const size = Math.min(STRETCH_SAMPLES, audio.length);
  const products = Array.from({ length: count }, () => new Float64Array(count));
  const parts = signs.map(() => new Float32Array(size));
  const stretches = Math.min(STRETCHES, Math.ceil(audio.length / size));
  for (let s = 0; s < stretches; s++) {
    const at = Math.round(((audio.length - size) * s) / Math.max(1, stretches - 1));
    parts.forEach((part, c) => audio.copyFromChannel(part, c, at));
    for (let a = 0; a < count; a++) {
      for (let b = 0; b <= a; b++) {
        for (let i = 0; i < size; i++) {
          const product = parts[a][i] * parts[b][i];
          if (Number.isFinite(product)) products[a][b] += product;
        }
      }
    }
  }
  for (let c = 1; c < count; c++) {
    // Energies of the sum of the earlier channels and of this one, and their product.
    let [before, both] = [0, 0];
    for (let a = 0; a < c; a++) {
      both += signs[a] * products[c][a];
      for (let b = 0; b < c; b++) {
        before += signs[a] * signs[b] * products[Math.max(a, b)][Math.min(a, b)];
      }
    }
    const apart = before + products[c][c];
    if (apart + 2 * both < CANCELLED * (apart - 2 * both)) signs[c] = -1;
  }
  return signs;
}
