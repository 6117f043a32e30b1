/**
 * Groups of notes by instrument: spectral clustering of the notes' timbre embeddings.
 *
 * The groups are those of scikit-learn's
 * `SpectralClustering(affinity="precomputed", assign_labels="cluster_qr")` (Damle, Minden and Ying
 * 2019), with affinity exp(cosine). The affinity matrix is never stored: memory is O(n) for n
 * notes. Nothing depends on a random start, and labels are numbered by first appearance.
 */

import { EMBEDDING_SIZE, EXACT, ROUGH, spectrum, thin } from "./affinity.js";
import { dot, eigenSymmetric } from "./eigen.js";
import { PITCHES } from "../notes/notes.js";
import { spanOf } from "../notes/spans.js";

export { EMBEDDING_SIZE };

/**
 * @typedef {object} Stretch embeddings of one pitch over time: channel c at the i-th frame is
 *   `data[c * stride + at + i]`
 * @property {Float32Array} data
 * @property {number} stride
 * @property {number} at
 */

/**
 * Read stretches from embeddings of all pitches and frames.
 * @param {Float32Array} embedding EMBEDDING_SIZE × PITCHES × frames, flat
 * @param {number} frames
 * @returns {(span: import("../notes/spans.js").Span) => Stretch}
 * @throws {RangeError} if the length differs
 */
export function readDense(embedding, frames) {
  const stride = PITCHES * frames;
  if (embedding.length !== EMBEDDING_SIZE * stride) {
    throw new RangeError(
      `embedding has ${embedding.length} values, ` +
        `${EMBEDDING_SIZE} × ${PITCHES} × ${frames} were expected`,
    );
  }
  return ({ row, start }) => ({ data: embedding, stride, at: row * frames + start });
}

/**
 * One vector a note: the sum over its frames of embedding × (frame activation)², of unit length.
 * A note without any embedding keeps a vector of zeros.
 *
 * @param {import("../notes/notes.js").FrameNote[]} notes
 * @param {(span: import("../notes/spans.js").Span) => Stretch} read the embeddings of a span
 * @param {Float32Array} frame PITCHES × frames, flat
 * @param {number} frames
 * @returns {Float64Array[]} EMBEDDING_SIZE values each
 * @throws {RangeError} if the lengths disagree
 */
export function noteEmbeddings(notes, read, frame, frames) {
  if (frame.length !== PITCHES * frames) {
    throw new RangeError(`frame has ${frame.length} values, ${PITCHES} × ${frames} were expected`);
  }
  return notes.map((note) => {
    const span = spanOf(note);
    const { data, stride, at } = read(span);
    const base = span.row * frames;
    const vector = new Float64Array(EMBEDDING_SIZE);
    for (let c = 0; c < EMBEDDING_SIZE; c++) {
      const shift = c * stride + at - span.start;
      for (let t = span.start; t < span.end; t++) {
        vector[c] += data[shift + t] * frame[base + t] * frame[base + t];
      }
    }
    const length = Math.sqrt(dot(vector, vector));
    return length > 0 ? vector.map((value) => value / length) : vector;
  });
}

/**
 * The timbre of each note.
 *
 * @param {Float64Array[]} vectors of unit length or zero, one a note
 * @param {number} count timbres, 1 or more; with as many timbres as notes each has its own
 * @returns {Uint16Array} labels 0 … count − 1, numbered by first appearance
 * @throws {RangeError} if count is not a whole number of 1 or more
 */
export function clusterTimbres(vectors, count) {
  if (!(Number.isInteger(count) && count >= 1)) {
    throw new RangeError(`the number of timbres is ${count}; give a whole number, 1 or more`);
  }
  if (count >= vectors.length) return Uint16Array.from(vectors, (_, i) => i);
  if (count === 1) return new Uint16Array(vectors.length);
  const { vectors: leading, rootDegrees } = spectrum(vectors, count, EXACT);
  const rows = vectors.map((_, i) =>
    Float64Array.from(leading, (vector) => vector[i] / rootDegrees[i]),
  );
  const turn = polarFactor(pivotRows(rows, count), count);
  return byFirstAppearance(
    rows.map((row) => indexOfLargest(turn.map((column) => Math.abs(dot(row, column))))),
  );
}

/**
 * An estimate of the number of timbres: where the eigenvalues fall most steeply (the eigengap, as a
 * ratio), among 2 … most; 1 if the notes hardly differ, or no more in one direction than in others,
 * or if there are fewer than four; 0 without notes.
 *
 * Let users overrule this guess. A piano's notes differ with their pitch as much as
 * those of two instruments do: on 8 s of six pianos and of nine mixtures the second eigenvalues
 * are 0.16 … 0.31 and 0.24 … 0.37 with the published weights, 0.02 … 0.08 and 0.03 … 0.12 with the
 * bundled ones. No rule on them tells one timbre from several.
 *
 * @param {Float64Array[]} vectors of unit length or zero, one a note
 * @param {number} [most]
 * @returns {number}
 */
export function estimateTimbres(vectors, most = 6) {
  const limit = Math.min(most, vectors.length - 2);
  if (limit < 2) return Math.min(1, vectors.length);
  const sample = thin(vectors);
  const { values, rootDegrees } = spectrum(sample, limit + 1, ROUGH);
  // Without self-affinity every eigenvalue is lower by about e / degree, which matters for few notes.
  const shift = Math.E / (dot(rootDegrees, rootDegrees) / sample.length);
  const second = values[1] + shift;
  if (second < DISTINCT || second < DIRECTED * spreadOf(sample)) return 1;
  const floor = Math.min(INDISTINCT, second / 4);
  const strength = values.map((value) => Math.max(value + shift, floor));
  let best = 2;
  for (let k = 3; k <= limit; k++) {
    if (strength[k - 1] / strength[k] > strength[best - 1] / strength[best]) best = k;
  }
  return best;
}

/** Smallest second eigenvalue at which notes count as different. */
const DISTINCT = 0.02;
/** Smallest share of the spread that it must have: a twelfth would be no direction at all. */
const DIRECTED = 0.25;
/** Eigenvalues below this, or a quarter of the second, are the spread within a timbre. */
const INDISTINCT = 0.05;

/**
 * Mean squared distance of vectors of unit length from their mean.
 * @param {Float64Array[]} vectors
 */
function spreadOf(vectors) {
  const mean = new Float64Array(EMBEDDING_SIZE);
  for (const vector of vectors) vector.forEach((value, c) => (mean[c] += value / vectors.length));
  return 1 - dot(mean, mean);
}

/**
 * The rows that column-pivoted QR of the transpose takes first: each time the one that is
 * longest after the others have been projected out.
 * @param {Float64Array[]} rows
 * @param {number} count
 */
function pivotRows(rows, count) {
  const rest = rows.map((row) => row.slice());
  const pivots = [];
  for (let step = 0; step < count; step++) {
    const pivot = indexOfLargest(rest.map((row) => dot(row, row)));
    pivots.push(rows[pivot]);
    const length = Math.sqrt(dot(rest[pivot], rest[pivot]));
    if (length === 0) continue;
    const axis = rest[pivot].map((value) => value / length);
    for (const row of rest) {
      const along = dot(row, axis);
      row.forEach((value, c) => (row[c] = value - along * axis[c]));
    }
  }
  return pivots;
}

/**
 * The orthogonal matrix nearest to M, whose columns are the pivots: M (MᵀM)^(-1/2).
 * @param {Float64Array[]} pivots the columns of M
 * @param {number} size
 * @returns {Float64Array[]} its columns
 */
function polarFactor(pivots, size) {
  const gram = new Float64Array(size * size);
  pivots.forEach((a, i) => pivots.forEach((b, j) => (gram[i * size + j] = dot(a, b))));
  const { values, vectors } = eigenSymmetric(gram, size);
  return pivots.map((_, j) => {
    const column = new Float64Array(size);
    for (let e = 0; e < size; e++) {
      const root = Math.sqrt(Math.max(values[e], Number.MIN_VALUE));
      for (let i = 0; i < size; i++) {
        const weight = (vectors[e][i] * vectors[e][j]) / root;
        for (let c = 0; c < size; c++) column[c] += weight * pivots[i][c];
      }
    }
    return column;
  });
}

/** @param {ArrayLike<number>} values */
function indexOfLargest(values) {
  let best = 0;
  for (let i = 1; i < values.length; i++) if (values[i] > values[best]) best = i;
  return best;
}

/** @param {number[]} labels */
function byFirstAppearance(labels) {
  /** @type {Map<number, number>} */
  const order = new Map();
  for (const label of labels) if (!order.has(label)) order.set(label, order.size);
  return Uint16Array.from(labels, (label) => order.get(label) ?? 0);
}
