import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { makeNotes, PITCHES } from "../../web/lib/notes/notes.js";

const cases = JSON.parse(readFileSync(new URL("../data/notes.json", import.meta.url), "utf8"));

/** Bytes, base64, to activations in [0, 1]. */
const activation = (text) => Float32Array.from(Buffer.from(text, "base64"), (byte) => byte / 255);

test("the oracle holds cases, and notes", () => {
  assert.ok(cases.length >= 8);
  assert.ok(cases.reduce((sum, one) => sum + one.notes.length, 0) > 200);
});

for (const [index, one] of cases.entries()) {
  test(`case ${index}: the notes are those of the literal rules`, () => {
    const { frame, onset, minimum_frames, tolerance_frames } = one.thresholds;
    const notes = makeNotes(activation(one.onset), activation(one.frame), one.frames, {
      frame,
      onset,
      minimumFrames: minimum_frames,
      toleranceFrames: tolerance_frames,
    });
    assert.deepEqual(
      notes.map((note) => [note.startFrame, note.endFrame, note.pitch]),
      one.notes.map((note) => note.slice(0, 3)),
    );
    notes.forEach((note, i) => assert.ok(Math.abs(note.velocity - one.notes[i][3]) < 2e-9));
  });
}

test("no frames, no notes; silence, no notes", () => {
  const thresholds = { frame: 0.3, onset: 0.3 };
  assert.deepEqual(makeNotes(new Float32Array(0), new Float32Array(0), 0, thresholds), []);
  const silence = new Float32Array(PITCHES * 50);
  assert.deepEqual(makeNotes(silence, silence, 50, thresholds), []);
});

test("an onset at the threshold begins a note", () => {
  const frames = 60;
  const [onset, frame] = [new Float32Array(PITCHES * frames), new Float32Array(PITCHES * frames)];
  frame.fill(1, 30 * frames + 10, 30 * frames + 40);
  onset[30 * frames + 25] = 0.5;
  const begin = (level) =>
    makeNotes(onset, frame, frames, { frame: 0.3, onset: level }).map((note) => note.startFrame);
  assert.deepEqual(begin(0.5), [10, 25]);
  assert.deepEqual(begin(0.5001), [10]);
});

test("the activations are left as they are", () => {
  const one = cases[0];
  const frame = activation(one.frame);
  makeNotes(activation(one.onset), frame, one.frames, one.thresholds);
  assert.deepEqual(frame, activation(one.frame));
});

test("an invalid activation is refused, and named", () => {
  const good = new Float32Array(PITCHES * 4);
  const bad = good.slice();
  bad[7] = NaN;
  const thresholds = { frame: 0.3, onset: 0.3 };
  assert.throws(() => makeNotes(bad, good, 4, thresholds), /onset holds NaN at index 7/);
  assert.throws(() => makeNotes(good, bad, 4, thresholds), /frame holds NaN/);
  assert.throws(() => makeNotes(good, good, 5, thresholds), /336 values, 84 × 5/);
});

test("an invalid threshold is refused, and named", () => {
  const none = new Float32Array(0);
  for (const [thresholds, message] of [
    [{ frame: NaN, onset: 0.3 }, /frame threshold is NaN/],
    [{ frame: 0.3, onset: 1.1 }, /onset threshold is 1.1/],
    [{ frame: 0.3, onset: 0.3, minimumFrames: 0 }, /minimumFrames is 0/],
    [{ frame: 0.3, onset: 0.3, toleranceFrames: 1.5 }, /toleranceFrames is 1.5/],
  ]) {
    assert.throws(() => makeNotes(none, none, 0, thresholds), message);
  }
});
