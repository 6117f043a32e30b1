/**
 * The affinity of notes, exp(cosine), as a matrix that is never stored: its products with vectors,
 * and its leading eigenvectors.
 *
 * With n notes a product takes n²/2 affinities, each computed once: 4 s for the 20 000 notes of an
 * hour. So few products should be needed. The eigenvectors of a sample of the notes extend to all of
 * them (Nyström's method, Williams and Seeger 2001) and are close to the answer already; the exact
 * products that follow only refine it. A note takes EMBEDDING_SIZE floats for any n.
 */

import { dot, leadingEigen } from "./eigen.js";

/** Channels of an embedding. */
export const EMBEDDING_SIZE = 12;
/** Residual of eigenvectors that give labels. */
export const EXACT = 1e-5;
/** Residual of those that only count or begin a search: the error of an eigenvalue is its square. */
export const ROUGH = 1e-3;
/** Notes in a sample. */
const ENOUGH_NOTES = 1500;

/**
 * Results kept by set of vectors, so that estimating and then clustering is one search.
 * @type {WeakMap<Float64Array[], {rootDegrees: Float64Array, leading: Float64Array[]}>}
 */
const known = new WeakMap();
/** @type {WeakMap<Float64Array[], Float64Array[]>} */
const samples = new WeakMap();

/**
 * A sample of the vectors, at equal distances.
 * @param {Float64Array[]} vectors
 * @returns {Float64Array[]} the vectors themselves, if they are few
 */
export function thin(vectors) {
  const stride = Math.ceil(vectors.length / ENOUGH_NOTES);
  if (stride === 1) return vectors;
  const sample = samples.get(vectors) ?? vectors.filter((_, i) => i % stride === 0);
  samples.set(vectors, sample);
  return sample;
}

/**
 * The leading eigenvectors of D^(-1/2) W D^(-1/2), W = exp(cosine) without self-affinity.
 * @param {Float64Array[]} vectors of unit length or zero
 * @param {number} count
 * @param {number} tolerance on the residuals
 * @returns {import("./eigen.js").Eigen & {rootDegrees: Float64Array}}
 */
export function spectrum(vectors, count, tolerance) {
  const flat = flatten(vectors);
  const before = known.get(vectors);
  const ones = new Float64Array(vectors.length).fill(1);
  const rootDegrees = before?.rootDegrees ?? affinityTimes(flat, [ones])[0].map(Math.sqrt);
  const divided = (/** @type {Float64Array} */ vector) =>
    vector.map((value, i) => value / rootDegrees[i]);
  const enough = before && before.leading.length >= count ? before.leading : null;
  const start = enough?.map((vector) => vector.slice()) ?? [
    rootDegrees.slice(), // the first eigenvector
    ...guess(vectors, flat, rootDegrees, count),
  ];
  const eigen = leadingEigen(
    (block) => affinityTimes(flat, block.map(divided)).map(divided),
    start,
    count,
    tolerance,
  );
  known.set(vectors, { rootDegrees, leading: eigen.vectors });
  return { ...eigen, rootDegrees };
}

/**
 * Vectors near the leading eigenvectors, or at least not orthogonal to them.
 * @param {Float64Array[]} vectors
 * @param {Float64Array} flat
 * @param {Float64Array} rootDegrees
 * @param {number} count
 */
function guess(vectors, flat, rootDegrees, count) {
  const sample = thin(vectors);
  if (sample !== vectors) {
    const known = spectrum(sample, count + 1, ROUGH);
    const block = known.vectors
      .slice(1)
      .map((vector) => vector.map((value, i) => value / known.rootDegrees[i]));
    const images = crossTimes(flat, flatten(sample), block);
    return images.map((image) => image.map((value, i) => value / rootDegrees[i]));
  }
  // They are close to linear in the embedding, because exp(cosine) is. Fixed noise reaches
  // eigenvectors that symmetry would make orthogonal to them.
  const guesses = Array.from({ length: EMBEDDING_SIZE }, (_, c) =>
    Float64Array.from(vectors, (vector) => vector[c]),
  );
  for (let k = 0; k < count; k++) guesses.push(fixedNoise(vectors.length, k));
  return guesses.map((guess) => guess.map((value, i) => value * rootDegrees[i]));
}

/** @param {Float64Array[]} vectors @returns {Float64Array} one after the other */
function flatten(vectors) {
  const flat = new Float64Array(vectors.length * EMBEDDING_SIZE);
  vectors.forEach((vector, i) => flat.set(vector, i * EMBEDDING_SIZE));
  return flat;
}

/**
 * W times each vector of a block; each affinity is computed once and not stored.
 * @param {Float64Array} flat the notes' vectors
 * @param {Float64Array[]} block
 */
function affinityTimes(flat, block) {
  const n = flat.length / EMBEDDING_SIZE;
  const width = block.length;
  const x = interleave(block);
  const y = new Float64Array(n * width);
  const row = new Float64Array(n);
  for (let i = 0; i < n; i++) {
    affinitiesOf(flat, i, flat, i + 1, row);
    const at = i * width;
    for (let k = 0; k < width; k++) {
      const own = x[at + k];
      let sum = 0;
      for (let j = i + 1, other = j * width + k; j < n; j++, other += width) {
        sum += row[j] * x[other];
        y[other] += row[j] * own;
      }
      y[at + k] += sum;
    }
  }
  return split(y, width);
}

/**
 * The affinities of each note to a sample, times each vector of a block.
 * @param {Float64Array} flat the notes' vectors
 * @param {Float64Array} sample the sample's
 * @param {Float64Array[]} block as long as the sample
 */
function crossTimes(flat, sample, block) {
  const n = flat.length / EMBEDDING_SIZE;
  const row = new Float64Array(sample.length / EMBEDDING_SIZE);
  const images = block.map(() => new Float64Array(n));
  for (let i = 0; i < n; i++) {
    affinitiesOf(flat, i, sample, 0, row);
    block.forEach((vector, k) => (images[k][i] = dot(row, vector)));
  }
  return images;
}

/**
 * The affinities of one note to others.
 * @param {Float64Array} flat
 * @param {number} note its index in `flat`
 * @param {Float64Array} others
 * @param {number} first index in `others` to compute
 * @param {Float64Array} row the result, by index in `others`
 */
function affinitiesOf(flat, note, others, first, row) {
  const at = note * EMBEDDING_SIZE;
  const [a, b, c, d, e, f, g, h, i, j, k, l] = flat.subarray(at, at + EMBEDDING_SIZE);
  // Written out: a loop over twelve channels takes twice as long (V8 14, 2026-11).
  for (let n = first, o = first * EMBEDDING_SIZE; n < row.length; n++, o += EMBEDDING_SIZE) {
    row[n] = Math.exp(
      a * others[o] +
        b * others[o + 1] +
        c * others[o + 2] +
        d * others[o + 3] +
        e * others[o + 4] +
        f * others[o + 5] +
        (g * others[o + 6] +
          h * others[o + 7] +
          i * others[o + 8] +
          j * others[o + 9] +
          k * others[o + 10] +
          l * others[o + 11]),
    );
  }
}

/**
 * A block as one array, with the values of each note together.
 * @param {Float64Array[]} block
 */
function interleave(block) {
  const width = block.length;
  const together = new Float64Array(width * (block[0]?.length ?? 0));
  block.forEach((vector, k) => vector.forEach((value, i) => (together[i * width + k] = value)));
  return together;
}

/**
 * @param {Float64Array} together
 * @param {number} width
 */
function split(together, width) {
  const length = together.length / width;
  return Array.from({ length: width }, (_, k) =>
    Float64Array.from({ length }, (_, i) => together[i * width + k]),
  );
}

/**
 * Fixed pseudo-random values in [-1, 1) (Numerical Recipes' quick generator, 32 bits).
 * @param {number} length
 * @param {number} seed
 */
function fixedNoise(length, seed) {
  let state = seed + 1;
  return Float64Array.from({ length }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  });
}
