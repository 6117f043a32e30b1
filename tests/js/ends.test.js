import assert from "node:assert/strict";
import { test } from "node:test";

import { endAtGaps } from "../../web/lib/notes/ends.js";
import { PITCHES } from "../../web/lib/notes/notes.js";

const FRAMES = 100;

/** A note of row 30 that sounds in these stretches, from the first one's start to the last's end. */
function hear(...stretches) {
  const frame = new Float32Array(PITCHES * FRAMES);
  for (const [from, to] of stretches) frame.fill(0.5, 30 * FRAMES + from, 30 * FRAMES + to);
  const note = { startFrame: stretches[0][0], endFrame: stretches.at(-1)[1], pitch: 54, velocity: 0.4 };
  return endAtGaps([note], frame, FRAMES, 0.4)[0];
}

test("a note ends at a gap of six frames, not at one of five", () => {
  assert.equal(hear([10, 30], [36, 50]).endFrame, 30);
  assert.equal(hear([10, 30], [35, 50]).endFrame, 50);
  assert.equal(hear([10, 30], [34, 45], [52, 60]).endFrame, 45);
  assert.equal(hear([10, 90]).endFrame, 90);
});

test("a note keeps six frames, and the rest of what it was", () => {
  const early = hear([10, 12], [30, 50]);
  assert.deepEqual(early, { startFrame: 10, endFrame: 16, pitch: 54, velocity: 0.4 });
});
