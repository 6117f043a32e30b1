import assert from "node:assert/strict";
import { test } from "node:test";

import { ChunkedRows, copyRows, planChunks } from "../../web/lib/stream/chunks.js";
import { BINS, Embeddings, FEATURE_CHANNELS } from "../../web/lib/stream/embeddings.js";
import { Moments } from "../../web/lib/stream/moments.js";
import { makeNotes, PITCHES } from "../../web/lib/notes/notes.js";
import { tidyNotes } from "../../web/lib/notes/tidy.js";
import { Progress } from "../../web/lib/stream/progress.js";
import { ProvisionalNotes } from "../../web/lib/notes/provisional.js";
import { coverLoud, merge, sizeOf, spanOf } from "../../web/lib/notes/spans.js";

const range = (start, end) => Array.from({ length: end - start }, (_, i) => start + i);

/** A repeatable stand-in for chance, in [0, 1). */
function chance(seed) {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

test("chunks cover every frame once and see their halo, but nothing beyond the ends", () => {
  for (const frames of [0, 1, 7, 8, 9, 16, 100]) {
    for (const [size, halo] of [
      [8, 0],
      [8, 3],
      [8, 20],
      [1, 2],
    ]) {
      const chunks = planChunks(frames, size, halo);
      assert.deepEqual(
        chunks.flatMap(({ start, end }) => range(start, end)),
        range(0, frames),
      );
      for (const { start, end, from, to } of chunks) {
        assert.equal(from, Math.max(0, start - halo));
        assert.equal(to, Math.min(frames, end + halo));
      }
    }
  }
  assert.throws(() => planChunks(10, 0, 1), /size is 0/);
  assert.throws(() => planChunks(10.5, 8, 1), /frames is 10.5/);
});

test("rows kept piece by piece read as if they were whole, until they are given back", () => {
  const [rows, frames, size] = [3, 21, 8];
  const whole = Float32Array.from(range(0, rows * frames));
  const kept = new ChunkedRows(rows, frames, size);
  const cut = (from, to) =>
    Float32Array.from(
      range(0, rows).flatMap((row) => [...whole.subarray(row * frames + from, row * frames + to)]),
    );
  for (const chunk of planChunks(frames, size, 2)) kept.put(chunk, cut(chunk.from, chunk.to));
  for (const [from, to] of [
    [0, 21],
    [7, 9],
    [8, 16],
    [20, 21],
    [3, 18],
  ]) {
    assert.deepEqual(kept.read(from, to), cut(from, to));
  }
  kept.dropBefore(-1);
  assert.equal(kept.has(0), true);
  kept.dropBefore(15);
  assert.deepEqual([0, 1, 2].map((index) => kept.has(index)), [false, true, true]);
  assert.throws(() => kept.read(7, 9), /frames 7 to 9 are not kept/);
  kept.dropBefore(Infinity);
  assert.equal(kept.has(2), false);
});

test("what chunks computed is put together without their halos, and the largest is returned", () => {
  const [rows, frames] = [2, 20];
  const whole = Float32Array.from(range(0, rows * frames), (i) => (i * 7) % 40);
  const target = new Float32Array(rows * frames);
  const highest = planChunks(frames, 6, 2).map((chunk) => {
    const { from, to } = chunk;
    const seen = range(0, rows).flatMap((row) => [
      ...whole.subarray(row * frames + from, row * frames + to),
    ]);
    return copyRows(Float32Array.from(seen), target, rows, chunk);
  });
  assert.deepEqual(target, whole);
  const parts = [range(0, 6), range(6, 12), range(12, 18), range(18, 20)];
  const largest = (part) => Math.max(...part.flatMap((i) => [whole[i], whole[frames + i]]));
  assert.deepEqual(highest, parts.map(largest));
  assert.deepEqual(highest, [35, 37, 39, 33]);
});

test("moments of frames give those of all values, however they are cut, far from zero too", () => {
  const [rows, frames, cells] = [2, 50, 6];
  const random = chance(1);
  const values = range(0, rows).map((row) =>
    range(0, frames).map(() => range(0, cells).map(() => 1e6 * row + random())),
  );
  const mean = (list) => list.reduce((sum, x) => sum + x, 0) / list.length;
  const variance = (list) => mean(list.map((x) => (x - mean(list)) ** 2));
  for (const size of [1, 7, 50]) {
    const moments = new Moments(rows);
    for (const { start, end, from, to } of planChunks(frames, size, 3)) {
      const seen = values.flatMap((row) => row.slice(from, to));
      moments.add(seen.map(mean), seen.map(variance), to - from, start - from, end - from);
    }
    assert.equal(moments.count, frames);
    for (let row = 0; row < rows; row++) {
      const all = values[row].flat();
      assert.ok(Math.abs(moments.means[row] - mean(all)) < 1e-8);
      assert.ok(Math.abs(moments.variances[row] - variance(all)) < 1e-8);
      const unbiased = (variance(all) * all.length) / (all.length - 1);
      assert.ok(Math.abs(moments.unbiasedVariances(cells)[row] - unbiased) < 1e-8);
    }
  }
  const halo = new Moments(1);
  halo.add([5, 1, 1, 5], null, 4, 0, 4);
  assert.ok(Math.abs(halo.variances[0]) > 1, "frames of the halo would be seen");
});

test("progress grows from 0 to 1 over all passes, by their cost", () => {
  const progress = new Progress(["ears", "notes"], { ears: 1, notes: 3, features: 9 });
  const reported = [];
  for (const pass of ["ears", "notes"]) {
    for (const fraction of [0, 0.5, 1]) reported.push(progress.at(pass, fraction));
  }
  assert.deepEqual(reported, [0, 0.125, 0.25, 0.25, 0.625, 1]);
  assert.equal(progress.at("ears", 0), 1, "it never falls");
  assert.equal(progress.at("features", 0.5), 1, "an unknown pass changes nothing");
});

/** Activations with notes of random pitch and length. */
function makeActivations(frames, count, seed) {
  const random = chance(seed);
  const frame = new Float32Array(PITCHES * frames).map(() => 0.2 * random());
  const onset = new Float32Array(PITCHES * frames);
  for (let i = 0; i < count; i++) {
    const row = Math.floor(PITCHES * random());
    const start = Math.floor((frames - 60) * random());
    const length = 8 + Math.floor(50 * random());
    onset[row * frames + start] = 0.5 + 0.5 * random();
    for (let t = start; t < start + length; t++) {
      frame[row * frames + t] = t % 7 === 3 ? 0.1 : 0.4 + 0.5 * random();
    }
  }
  return { onset, frame, frames };
}

const thresholds = { frame: 0.31, onset: 0.35, minimumFrames: 6, toleranceFrames: 10 };

test("what is covered at a level holds every note of that threshold and of higher ones", () => {
  const { onset, frame, frames } = makeActivations(600, 120, 3);
  const spans = coverLoud(frame, frames, 0.31, 10);
  assert.deepEqual(merge(spans), spans);
  const holds = (note) => {
    const { row, start, end } = spanOf(note);
    return spans.some((one) => one.row === row && one.start <= start && end <= one.end);
  };
  for (const level of [0.31, 0.5, 0.8]) {
    const notes = makeNotes(onset, frame, frames, { ...thresholds, frame: level, onset: 0.1 });
    assert.ok(notes.length > 20);
    assert.ok(notes.every(holds));
  }
  const lower = makeNotes(onset, frame, frames, { ...thresholds, frame: 0.05, onset: 0.1 });
  assert.ok(!lower.every(holds), "a lower threshold would be seen");
});

test("spans that touch or overlap become one", () => {
  const spans = [
    { row: 1, start: 5, end: 9 },
    { row: 0, start: 4, end: 6 },
    { row: 0, start: 0, end: 4 },
    { row: 0, start: 7, end: 8 },
  ];
  const merged = merge(spans);
  assert.deepEqual(merged, [
    { row: 0, start: 0, end: 6 },
    { row: 0, start: 7, end: 8 },
    { row: 1, start: 5, end: 9 },
  ]);
  assert.equal(sizeOf(merged), 11);
  assert.equal(spans[0].end, 9);
});

test("provisional notes come once each, in order of their ends, and are mostly the exact ones", () => {
  const { onset, frame, frames } = makeActivations(2000, 200, 5);
  const exact = makeNotes(onset, frame, frames, thresholds);
  const provisional = new ProvisionalNotes(frames, thresholds);
  const found = [];
  let before = 0;
  for (const { end } of planChunks(frames, 300, 0)) {
    const notes = provisional.take({ onset, frame, frames }, { onset: 1, frame: 1 }, end);
    for (const { endFrame } of notes) assert.ok(endFrame > before && endFrame <= end);
    before = end === frames ? end : end - 10;
    found.push(...notes);
  }
  const key = ({ startFrame, endFrame, pitch }) => `${startFrame} ${endFrame} ${pitch}`;
  const keys = new Set(found.map(key));
  assert.equal(keys.size, found.length);
  const hits = exact.filter((note) => keys.has(key(note))).length;
  assert.ok(hits > 0.9 * exact.length, `${hits} of ${exact.length}`);
});

test("provisional notes are tidied like the exact ones", () => {
  const { onset, frame, frames } = makeActivations(2000, 200, 5);
  const exact = makeNotes(onset, frame, frames, thresholds);
  const wanted = tidyNotes(exact, onset, frame, frames, thresholds.frame);
  const provisional = new ProvisionalNotes(frames, thresholds, false);
  const found = planChunks(frames, 300, 0).flatMap(({ end }) =>
    provisional.take({ onset, frame, frames }, { onset: 1, frame: 1 }, end),
  );
  const key = ({ startFrame, pitch }) => `${startFrame} ${pitch}`;
  const keys = new Set(found.map(key));
  const hits = wanted.filter((note) => keys.has(key(note))).length;
  assert.ok(wanted.length < exact.length, "there is something to tidy");
  assert.ok(hits > 0.9 * wanted.length && keys.size < 1.1 * wanted.length);
});

test("features are gathered across chunks, and padded with the mean", () => {
  const [frames, halo] = [40, 2];
  const feature = (channel, bin, t) => 1000 * channel + bin + t / 100;
  const mean = range(0, FEATURE_CHANNELS).map((channel) => -1 - channel);
  const spans = [
    { row: 0, start: 0, end: 5 },
    { row: 83, start: 30, end: 40 },
    { row: 41, start: 6, end: 27 },
  ];
  const embeddings = new Embeddings(halo);
  const [batch, ...others] = embeddings.plan(spans);
  assert.equal(others.length, 0);
  assert.deepEqual([batch.start, batch.end], [-2, 42]);
  const features = (from, to) => {
    const planes = range(0, FEATURE_CHANNELS * BINS);
    return Float32Array.from(
      planes.flatMap((plane) =>
        range(from, to).map((t) => feature(Math.floor(plane / BINS), plane % BINS, t)),
      ),
    );
  };
  const chunks = planChunks(frames, 9, 1);
  for (const chunk of chunks.slice(1)) batch.gather(features(chunk.from, chunk.to), chunk);
  assert.ok(batch.padded(mean, frames).some(Number.isNaN), "what was not gathered is seen");
  batch.gather(features(chunks[0].from, chunks[0].to), chunks[0]);
  const cells = batch.padded(mean, frames);
  for (const { row, start, end, at } of batch.spans) {
    for (let t = start - halo; t < end + halo; t++) {
      for (const channel of [0, 7, FEATURE_CHANNELS - 1]) {
        for (let i = 0; i < 3; i++) {
          const bin = 3 * row - 1 + i;
          const there = bin >= 0 && t >= 0 && t < frames;
          const wanted = there ? Math.fround(feature(channel, bin, t)) : mean[channel];
          assert.equal(cells[(3 * channel + i) * batch.frames + at + t - start], wanted);
        }
      }
    }
  }
  assert.equal(embeddings.has(spans[2]), false);
  embeddings.keep(batch, new Float32Array(12 * batch.frames).map((_, i) => i));
  assert.equal(embeddings.has({ row: 41, start: 7, end: 27 }), true);
  assert.equal(embeddings.has({ row: 41, start: 7, end: 28 }), false);
  const { data, stride, at } = embeddings.read({ row: 41, start: 7, end: 27 });
  const own = batch.spans.find(({ row }) => row === 41);
  assert.equal(data[3 * stride + at], 3 * batch.frames + own.at + 1);
  assert.throws(() => embeddings.read({ row: 5, start: 0, end: 1 }), /no embeddings of row 5/);
});
