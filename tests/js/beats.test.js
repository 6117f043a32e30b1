import assert from "node:assert/strict";
import { test } from "node:test";

import { doubleBeats, halveBeats, trackBeats } from "../../web/lib/notes/beats.js";
import { GRIDS, snapToGrid } from "../../web/lib/notes/grid.js";
import { bpmOf, steadyBeats } from "../../web/lib/notes/steady.js";

const note = (start, end = start + 0.2, pitch = 60) => ({ start, end, pitch, velocity: 0.6, timbre: 0 });

/** Values in (-1, 1), always the same. */
function random() {
  let state = 7;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  };
}

/** A bass on every beat, a melody in quavers over it, each a little off. */
function play(beatAt, beats) {
  const next = random();
  return Array.from({ length: 2 * beats }, (_, i) => {
    const at = Math.max(0, beatAt(i / 2) + 0.01 * next());
    const melody = note(at, at + 0.2, 64 + (i % 7));
    return i % 2 ? [melody] : [melody, note(at, at + 0.45, 36 + (i % 5))];
  }).flat();
}

/** Share of beats within 70 ms of one that is found, and the other way round. */
function agreement(found, wanted) {
  const near = (one, others) => others.some((other) => Math.abs(other - one) <= 0.07);
  const hits = wanted.filter((one) => near(one, found)).length;
  return (2 * hits) / (found.length + wanted.length);
}

test("an even beat is found exactly, at any usual tempo", () => {
  for (const bpm of [72, 90, 100, 120, 140]) {
    const beatAt = (beat) => 0.4 + (60 / bpm) * beat;
    const { times, bpm: found, even } = trackBeats(play(beatAt, 48));
    const wanted = Array.from({ length: 48 }, (_, i) => beatAt(i));
    assert.ok(agreement(times, wanted) > 0.95, `${bpm}: ${found}`);
    assert.ok(Math.abs(found - bpm) < 0.5);
    assert.ok(even);
    const shifted = times.map((time) => time + 30 / bpm);
    assert.ok(agreement(shifted, wanted) < 0.1, "the measure sees beats between the beats");
  }
});

test("a beat that hurries and drags is followed", () => {
  const beatAt = (beat) => 0.4 + 0.6 * beat + 0.5 * Math.sin(beat / 8);
  const { times, even } = trackBeats(play(beatAt, 64));
  const wanted = Array.from({ length: 64 }, (_, i) => beatAt(i));
  assert.ok(agreement(times, wanted) > 0.9);
  assert.equal(even, false);
});

test("beats ascend and begin with the notes; too few notes have none", () => {
  const { times } = trackBeats(play((beat) => 0.5 * beat, 40));
  assert.ok(times.every((time, i) => time >= 0 && (i === 0 || time > times[i - 1])));
  assert.ok(Math.abs(times[0]) < 0.1);
  for (const notes of [[], [note(1)], [note(1), note(1.001), note(1.002)]]) {
    assert.deepEqual(trackBeats(notes), { times: [], bpm: 0, even: false });
  }
});

test("twice and half as many beats", () => {
  assert.deepEqual(doubleBeats([0, 1, 3]), [0, 0.5, 1, 2, 3]);
  assert.deepEqual(halveBeats([0, 1, 2, 3, 4]), [0, 2, 4]);
  assert.deepEqual(halveBeats([0, 1, 2, 3, 4], 1), [1, 3]);
});

test("notes snap to the nearest part of a beat, whatever the tempo does", () => {
  const beats = [0.5, 1, 1.6, 2];
  const snapped = snapToGrid([note(0.77, 0.99), note(1.28, 1.31), note(2.22, 2.6)], beats, GRIDS["1/8"]);
  const times = snapped.map(({ start, end }) => [start, end].map((time) => +time.toFixed(9)));
  assert.deepEqual(times, [
    [0.75, 1],
    [1.3, 1.6],
    [2.2, 2.6],
  ]);
  const [third] = snapToGrid([note(1.19, 1.4)], beats, GRIDS["1/8T"]);
  assert.ok(Math.abs(third.start - 1.2) < 1e-9 && Math.abs(third.end - 1.4) < 1e-9);
});

test("nothing moves before the recording; invalid grids are refused", () => {
  const [early] = snapToGrid([note(0.01, 0.1)], [0.3, 0.8], 2);
  assert.ok(early.start >= 0 && early.end > early.start);
  assert.throws(() => snapToGrid([], [1], 2), RangeError);
  for (const parts of [0, 1.5, NaN]) assert.throws(() => snapToGrid([], [0, 1], parts), RangeError);
});

test("beats of a given tempo lie on the notes, and cover them", () => {
  for (const [bpm, first] of [[96, 0.41], [120, 0.02], [61.5, 0.8]]) {
    const length = 60 / bpm;
    const beats = steadyBeats(play((i) => first + length * i, 40), bpm);
    assert.ok(Math.abs(((beats[0] - first + length / 2) % length) - length / 2) < 0.01, `${beats[0]}`);
    assert.ok(beats[0] >= 0 && beats[0] < length && beats.at(-1) > first + 39 * length);
    assert.ok(Math.abs(bpmOf(beats) - bpm) < 1e-6);
  }
  assert.equal(steadyBeats([], 60).length, 2);
  assert.throws(() => steadyBeats([], 19), RangeError);
  assert.throws(() => steadyBeats([], NaN), RangeError);
  assert.equal(bpmOf([1]), 0);
});
