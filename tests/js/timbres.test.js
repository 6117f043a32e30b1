import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { eigenSymmetric } from "../../web/lib/timbres/eigen.js";
import { PITCHES } from "../../web/lib/notes/notes.js";
import {
  clusterTimbres,
  EMBEDDING_SIZE,
  estimateTimbres,
  noteEmbeddings,
  readDense,
} from "../../web/lib/timbres/timbres.js";

const cases = JSON.parse(readFileSync(new URL("../data/timbres.json", import.meta.url), "utf8"));
const vectorsOf = (one) => one.vectors.map((vector) => Float64Array.from(vector));

/** Labels renumbered by first appearance: equal partitions become equal lists. */
function canonical(labels) {
  const order = new Map();
  return Array.from(labels, (label) => {
    if (!order.has(label)) order.set(label, order.size);
    return order.get(label);
  });
}

test("the oracle holds cases", () => assert.ok(cases.length >= 6));

for (const [index, one] of cases.entries()) {
  for (const [count, labels] of Object.entries(one.labels)) {
    test(`case ${index}: scikit-learn's partition into ${count}`, () => {
      const found = clusterTimbres(vectorsOf(one), Number(count));
      assert.deepEqual(Array.from(found), canonical(labels));
    });
  }
}

const [many] = JSON.parse(
  readFileSync(new URL("../data/many-notes.json", import.meta.url), "utf8"),
);
for (const [count, labels] of Object.entries(many.labels)) {
  test(`2000 notes: scikit-learn's partition into ${count}`, () => {
    const bytes = new Int8Array(Buffer.from(many.vectors, "base64"));
    const vectors = Array.from({ length: labels.length }, (_, i) => {
      const vector = Float64Array.from(bytes.subarray(i * EMBEDDING_SIZE, (i + 1) * EMBEDDING_SIZE));
      const length = Math.hypot(...vector);
      return vector.map((value) => value / length);
    });
    assert.equal(vectors.length, 2000);
    const found = clusterTimbres(vectors, Number(count));
    assert.deepEqual(Array.from(found), canonical(labels));
  });
}

test("another partition would be seen", () => {
  const [one] = cases;
  const labels = canonical(one.labels[2]);
  labels[3] = 1 - labels[3];
  assert.notDeepEqual(Array.from(clusterTimbres(vectorsOf(one), 2)), labels);
});

test("the same notes give the same labels, and noise of 1e-12 changes none", () => {
  const vectors = vectorsOf(cases[3]);
  const labels = clusterTimbres(vectors, 4);
  assert.deepEqual(clusterTimbres(vectors, 4), labels);
  const shaken = vectors.map((v, i) => v.map((value, c) => value + 1e-12 * Math.sin(i * 12 + c)));
  assert.deepEqual(clusterTimbres(shaken, 4), labels);
});

test("few notes: each its own; one timbre: all the same; equal and zero vectors are borne", () => {
  const vectors = vectorsOf(cases[0]);
  assert.deepEqual(Array.from(clusterTimbres(vectors.slice(0, 3), 3)), [0, 1, 2]);
  assert.deepEqual(Array.from(clusterTimbres(vectors.slice(0, 3), 9)), [0, 1, 2]);
  assert.deepEqual(Array.from(clusterTimbres([], 2)), []);
  assert.deepEqual([...clusterTimbres(vectors, 1)], vectors.map(() => 0));
  const equal = Array.from({ length: 9 }, () => vectors[0]);
  const labels = [...clusterTimbres(equal, 2)];
  assert.equal(labels.length, 9);
  assert.ok(labels.every((label) => label === 0 || label === 1));
  const withZero = [...vectors, new Float64Array(EMBEDDING_SIZE)];
  assert.equal(clusterTimbres(withZero, 2).length, vectors.length + 1);
});

test("an invalid count is refused", () => {
  for (const count of [0, -1, 1.5, NaN]) {
    assert.throws(() => clusterTimbres([], count), /number of timbres is/);
  }
});

test("the number of timbres is found where they are distinct", () => {
  const found = cases.slice(0, 4).map((one) => estimateTimbres(vectorsOf(one)));
  assert.deepEqual(found, [2, 2, 3, 4]);
  const alike = vectorsOf(cases[0]).map((_, i) => {
    const vector = new Float64Array(EMBEDDING_SIZE);
    vector[0] = Math.cos(i / 100);
    vector[1] = Math.sin(i / 100);
    return vector;
  });
  assert.equal(estimateTimbres(alike), 1);
  const many = Array.from({ length: 45 }, () => vectorsOf(cases[2])).flat();
  assert.equal(estimateTimbres(many), 3);
  assert.equal(estimateTimbres([]), 0);
  assert.equal(estimateTimbres(alike.slice(0, 1)), 1);
});

test("a note's vector is the energy-weighted sum of its embeddings, of unit length", () => {
  const frames = 3;
  const plane = PITCHES * frames;
  const frame = new Float32Array(plane);
  const embedding = new Float32Array(EMBEDDING_SIZE * plane);
  const row = 5;
  frame.set([0.5, 1, 0.25], row * frames);
  embedding.set([1, 0, 1], row * frames); // channel 0
  embedding.set([0, 1, 0], plane + row * frames); // channel 1
  const notes = [
    { startFrame: 0, endFrame: 2, pitch: 24 + row, velocity: 1 },
    { startFrame: 0, endFrame: 3, pitch: 24 + row + 1, velocity: 1 },
  ];
  const [vector, silent] = noteEmbeddings(notes, readDense(embedding, frames), frame, frames);
  const length = Math.hypot(0.25, 1);
  assert.ok(Math.abs(vector[0] - 0.25 / length) < 1e-12);
  assert.ok(Math.abs(vector[1] - 1 / length) < 1e-12);
  assert.deepEqual([...silent], Array(EMBEDDING_SIZE).fill(0));
  assert.throws(() => readDense(frame, frames), /were expected/);
  const read = readDense(embedding, frames);
  assert.throws(() => noteEmbeddings(notes, read, frame, 4), /were expected/);
});

test("eigenvectors of a small matrix satisfy their definition", () => {
  const matrix = Float64Array.from([4, 1, 0.5, 1, -2, 0.25, 0.5, 0.25, 1]);
  const { values, vectors } = eigenSymmetric(matrix, 3);
  assert.ok(values[0] >= values[1] && values[1] >= values[2]);
  for (let e = 0; e < 3; e++) {
    for (let i = 0; i < 3; i++) {
      let product = 0;
      for (let j = 0; j < 3; j++) product += matrix[i * 3 + j] * vectors[e][j];
      assert.ok(Math.abs(product - values[e] * vectors[e][i]) < 1e-13);
    }
  }
});
