/**
 * Channels → one. Their mean, but where channels cancel each other: a microphone's cable or a
 * plug-in that turns one over makes silence of the mean of both.
 */

/** @typedef {import("./audio.js").Audio} Audio */
/** @typedef {Exclude<Audio, {samples: Float32Array}>} Channels */

/** What is looked at to find channels that cancel: so many stretches, spread over all of it. */
const STRETCHES = 256;
const STRETCH_SAMPLES = 4096;
/** Energy that the sum of two channels has at least, as a part of their difference's. */
const CANCELLED = 0.5;

/** @type {WeakMap<Channels, number[]>} */
const known = new WeakMap();

/**
 * The mean of the channels, from one sample to another; where one cancels those before it, it is
 * turned over. One channel stays as it is, to the last bit.
 * @param {Audio} audio
 * @param {number} from
 * @param {number} to exclusive
 * @returns {Float32Array<ArrayBuffer>} a copy
 */
export function mixToMono(audio, from, to) {
  if ("samples" in audio) return audio.samples.slice(from, to);
  let signs = known.get(audio);
  if (!signs) known.set(audio, (signs = findSigns(audio)));
  const mono = new Float32Array(to - from);
  const part = new Float32Array(to - from);
  for (const [c, sign] of signs.entries()) {
    audio.copyFromChannel(part, c, from);
    for (let i = 0; i < mono.length; i++) mono[i] += sign * part[i];
  }
  for (let i = 0; i < mono.length; i++) mono[i] /= signs.length;
  return mono;
}

/**
 * For each channel 1, or -1 where it is turned over.
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
    // Of the sum of those before, of this channel, and of both times each other.
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
