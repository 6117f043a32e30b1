import assert from "node:assert/strict";
import { test } from "node:test";

import { PITCHES } from "../../web/lib/notes/notes.js";
import * as weights from "../../web/lib/notes/overtone-weights.js";
import { describeNotes, dropOvertones, FEATURES } from "../../web/lib/notes/overtones.js";

const FRAMES = 200;

/** Activations of notes as the network gives them: [pitch row, start, end, strength, onset]. */
function hear(...played) {
  const [onset, frame] = [0, 1].map(() => new Float32Array(PITCHES * FRAMES));
  const notes = played.map(([row, startFrame, endFrame, strength, attack]) => {
    for (let t = startFrame; t < endFrame; t++) frame[row * FRAMES + t] = strength;
    for (const t of [-1, 0, 1]) onset[row * FRAMES + startFrame + t] = attack * (t ? 0.4 : 1);
    return { startFrame, endFrame, pitch: 24 + row, velocity: strength };
  });
  return [notes, onset, frame, FRAMES];
}

test("a clear note is kept; what swells faintly an octave above it is not", () => {
  const told = hear([36, 50, 90, 0.9, 0.95], [48, 58, 66, 0.42, 0]);
  assert.deepEqual(dropOvertones(...told, weights), [told[0][0]]);
});

test("an octave, a twelfth and two octaves that are played are kept", () => {
  for (const interval of [12, 19, 24]) {
    const told = hear([36, 50, 90, 0.8, 0.9], [36 + interval, 50, 90, 0.75, 0.85]);
    assert.deepEqual(dropOvertones(...told, weights), told[0]);
  }
});

test("no notes, no features; notes at the borders are described by numbers", () => {
  assert.deepEqual(dropOvertones(...hear(), weights), []);
  const told = hear([0, 1, 30, 0.7, 0.8], [PITCHES - 1, 170, FRAMES, 0.7, 0.8]);
  const features = describeNotes(...told);
  assert.equal(features.length, 2 * FEATURES);
  assert.ok(features.every(Number.isFinite));
});
