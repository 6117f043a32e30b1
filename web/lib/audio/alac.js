/**
 * Apple Lossless, which only Safari decodes, after Apple's reference (ALAC, 2011, "Magic Cookie
 * Description" and the decoder's source).
 *
 * A packet is a row of elements of one or two channels. Of each channel it holds residuals, in
 * Golomb codes that adapt to their size, and a linear predictor whose coefficients follow the signs
 * of its errors. Two channels may be mixed; low bits of deep samples may lie beside, as they are.
 */

import { Bits } from "./bits.js";
import { startWav } from "./pcm.js";

/**
 * @typedef {object} Alac
 * @property {Uint8Array} cookie the decoder's settings, 24 bytes
 * @property {Uint8Array[]} packets
 */

/** Milliseconds after which a long decoding lets others run. */
const TURN_MS = 50;
/** Fixed point of the mean of the residuals, in bits. */
const MEAN_BITS = 9;
const MOST_MEAN = 0xffff;
/** Elements of a packet: one channel, two, one of low frequencies, data, filling, and its end. */
const [ONE, TWO, LOW, DATA, FILL, END] = [0, 1, 3, 4, 6, 7];
/** Predictor that only adds the sample before. */
const DIFFERENCE = 31;

/**
 * Decode all packets.
 * @param {Alac} alac
 * @returns {Promise<ArrayBuffer>} a WAV file
 */
export async function decodeAlac({ cookie, packets }) {
  const view = new DataView(cookie.buffer, cookie.byteOffset, cookie.byteLength);
  const settings = {
    frame: view.getUint32(0),
    depth: view.getUint8(5),
    pace: view.getUint8(6),
    mean: view.getUint8(7),
    most: view.getUint8(8),
  };
  const channels = view.getUint8(9);
  const rateHz = view.getUint32(20);
  const samples = startWav(settings.frame * packets.length * channels, channels, rateHz);
  let length = 0;
  let turnMs = performance.now();
  for (const packet of packets) {
    const decoded = decodePacket(packet, settings);
    const count = decoded[0]?.length ?? 0;
    for (let c = 0; c < Math.min(channels, decoded.length); c++) {
      for (let i = 0; i < count; i++) {
        samples[(length + i) * channels + c] = decoded[c][i] / 2 ** (settings.depth - 1);
      }
    }
    length += count;
    if (performance.now() - turnMs > TURN_MS) {
      await new Promise((resume) => setTimeout(resume));
      turnMs = performance.now();
    }
  }
  const whole = startWav(length * channels, channels, rateHz);
  whole.set(samples.subarray(0, length * channels));
  return whole.buffer;
}

/** @typedef {{frame: number, depth: number, pace: number, mean: number, most: number}} Settings */

/**
 * @param {Uint8Array} packet
 * @param {Settings} settings
 * @returns {Int32Array[]} by channel
 */
function decodePacket(packet, settings) {
  const bits = new Bits(packet);
  /** @type {Int32Array[]} */
  const channels = [];
  while (!bits.isOver) {
    const kind = bits.read(3);
    if (kind === END) break;
    if (kind === ONE || kind === LOW || kind === TWO) {
      channels.push(...decodeElement(bits, kind === TWO ? 2 : 1, settings));
    } else if (kind === DATA) {
      bits.read(4);
      const aligned = bits.read(1);
      const size = bits.read(8);
      const bytes = size === 255 ? size + bits.read(8) : size;
      if (aligned) bits.at = 8 * Math.ceil(bits.at / 8);
      bits.at += 8 * bytes;
    } else if (kind === FILL) {
      const size = bits.read(4);
      bits.at += 8 * (size === 15 ? size + bits.read(8) - 1 : size);
    } else throw new Error(`an element of kind ${kind}`);
  }
  return channels;
}

/**
 * @param {Bits} bits
 * @param {number} count channels
 * @param {Settings} settings
 * @returns {Int32Array[]} by channel
 */
function decodeElement(bits, count, settings) {
  bits.read(4 + 12);
  const isShort = bits.read(1);
  const beside = 8 * bits.read(2);
  const isPlain = bits.read(1);
  const length = isShort ? bits.read(32) : settings.frame;
  if (length > settings.frame) throw new Error(`a packet of ${length} samples`);
  const channels = Array.from({ length: count }, () => new Int32Array(length));
  if (isPlain) {
    for (let i = 0; i < length; i++) {
      for (const channel of channels) channel[i] = bits.readSigned(settings.depth);
    }
    return channels;
  }
  const width = settings.depth - beside + count - 1;
  const mixBits = bits.read(8);
  const mix = bits.readSigned(8);
  const predictors = channels.map(() => {
    const mode = bits.read(4);
    const shift = bits.read(4);
    const pace = bits.read(3);
    const order = bits.read(5);
    return { mode, shift, pace, weights: Int16Array.from({ length: order }, () => bits.readSigned(16)) };
  });
  const low = bits.copy();
  bits.at += beside * count * length;
  for (const [c, { mode, shift, pace, weights }] of predictors.entries()) {
    const channel = channels[c];
    readResiduals(bits, channel, width, { ...settings, pace: Math.floor((settings.pace * pace) / 4) });
    if (mode !== 0) predict(channel, new Int16Array(DIFFERENCE), width, 0);
    predict(channel, weights, width, shift);
  }
  if (count === 2 && mix !== 0) unmix(channels[0], channels[1], mix, mixBits);
  if (beside > 0) {
    for (let i = 0; i < length; i++) {
      for (const channel of channels) channel[i] = channel[i] * 2 ** beside + low.read(beside);
    }
  }
  return channels;
}

/**
 * @param {Bits} bits
 * @param {Int32Array} out
 * @param {number} width bits of a number that is not coded
 * @param {Settings} settings
 */
function readResiduals(bits, out, width, { pace, mean: firstMean, most }) {
  let mean = firstMean;
  let afterZeros = 0;
  for (let i = 0; i < out.length; ) {
    const k = Math.min(most, 31 - Math.clz32((mean >> MEAN_BITS) + 3));
    const coded = bits.readCode(k, 2 ** k - 1, width);
    const folded = coded + afterZeros; // 0, -1, 1, -2, 2, …
    out[i++] = folded % 2 ? -(folded + 1) / 2 : folded / 2;
    mean += pace * folded - Math.floor((pace * mean) / 2 ** MEAN_BITS);
    if (coded > MOST_MEAN) mean = MOST_MEAN;
    afterZeros = 0;
    if (4 * mean >= 2 ** MEAN_BITS || i >= out.length) continue;
    const runBits = Math.clz32(mean) - 24 + ((mean + 16) >> 6);
    const run = bits.readCode(runBits, (2 ** runBits - 1) & (2 ** most - 1), 16);
    i += run; // zeros
    afterZeros = run < 0xffff ? 1 : 0;
    mean = 0;
  }
}

/**
 * Residuals to samples, in place; the weights change on the way.
 * @param {Int32Array} out
 * @param {Int16Array} weights
 * @param {number} width bits of a sample
 * @param {number} shift fixed point of the weights, in bits
 */
function predict(out, weights, width, shift) {
  const order = weights.length;
  const spare = 32 - width;
  if (order === 0) return;
  const first = order === DIFFERENCE ? out.length : Math.min(out.length, order + 1);
  for (let i = 1; i < first; i++) out[i] = ((out[i] + out[i - 1]) << spare) >> spare;
  const half = shift > 0 ? 1 << (shift - 1) : 0;
  for (let i = first; i < out.length; i++) {
    const base = out[i - order - 1];
    let sum = half;
    for (let j = 0; j < order; j++) sum = (sum + Math.imul(weights[j], out[i - 1 - j] - base)) | 0;
    let error = out[i];
    out[i] = ((error + base + (sum >> shift)) << spare) >> spare;
    const sign = Math.sign(error);
    for (let j = order - 1; j >= 0 && error * sign > 0; j--) {
      const difference = base - out[i - 1 - j];
      const step = sign * Math.sign(difference);
      weights[j] -= step;
      error -= (order - j) * ((step * difference) >> shift);
    }
  }
}

/**
 * Two channels out of their mixture and their difference, in place.
 * @param {Int32Array} left
 * @param {Int32Array} right
 * @param {number} mix
 * @param {number} mixBits
 */
function unmix(left, right, mix, mixBits) {
  for (let i = 0; i < left.length; i++) {
    const difference = right[i];
    left[i] += difference - ((mix * difference) >> mixBits);
    right[i] = left[i] - difference;
  }
}
