import assert from "node:assert/strict";
import { test } from "node:test";

import { PITCHES } from "../../web/lib/notes/notes.js";
import { Levels } from "../../web/lib/timbres/levels.js";

const BINS = 3 * PITCHES;

/** Energies of frames `from` to `to`: bin k has `energyAt(k, t)`. */
function energies({ from, to }, energyAt) {
  const width = to - from;
  return Float32Array.from({ length: BINS * width }, (_, i) => energyAt(Math.floor(i / width), from + (i % width)));
}

test("a level is the loudest of three bins, in half decibels", () => {
  const levels = new Levels(2);
  const chunk = { start: 0, end: 2, from: 0, to: 2 };
  const energyAt = (k, t) => (t === 1 ? 0 : k === 4 ? 1e-3 : k === 6 ? 1e6 : 1e-9);
  levels.add(energies(chunk, energyAt), chunk);
  const at = (row, t) => levels.data[2 * row + t];
  assert.deepEqual([at(0, 0), at(1, 0), at(2, 0)], [60, 180, 255]);
  assert.deepEqual([at(0, 1), at(1, 1), at(2, 1)], [0, 0, 0]);
});

test("levels are the same in any chunks", () => {
  const energyAt = (k, t) => 10 ** -(((7 * k + 11 * t) % 90) / 10);
  const whole = new Levels(50);
  const once = { start: 0, end: 50, from: 0, to: 50 };
  whole.add(energies(once, energyAt), once);
  const parts = new Levels(50);
  for (const [start, end] of [[0, 20], [20, 40], [40, 50]]) {
    const chunk = { start, end, from: Math.max(0, start - 3), to: Math.min(50, end + 3) };
    parts.add(energies(chunk, energyAt), chunk);
  }
  assert.deepEqual(parts.data, whole.data);
  assert.ok(new Set(whole.data).size > 50, "the check sees levels that differ");
  const shifted = { start: 20, end: 40, from: 18, to: 43 };
  parts.add(energies({ from: 17, to: 42 }, energyAt), shifted);
  assert.notDeepEqual(parts.data, whole.data, "the check sees a frame's shift");
});
