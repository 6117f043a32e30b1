import assert from "node:assert/strict";
import { test } from "node:test";

import { EMBEDDING_SIZE } from "../../web/lib/timbres/timbres.js";
import { chooseTimbres, distanceAtOnePitch } from "../../web/lib/timbres/choose.js";

const note = (pitch) => ({ startFrame: 0, endFrame: 20, pitch, velocity: 0.7 });

/** A vector that turns with the pitch, and stands apart by an angle. */
function vector(pitch, apart) {
  const made = new Float64Array(EMBEDDING_SIZE);
  const turned = (pitch - 60) / 20;
  made[0] = Math.cos(turned) * Math.cos(apart);
  made[1] = Math.sin(turned) * Math.cos(apart);
  made[2] = Math.sin(apart);
  return made;
}

/** Notes from low to high, in turns of as many instruments as there are angles. */
function play(...angles) {
  const notes = Array.from({ length: 80 }, (_, i) => note(40 + (i % 40)));
  return [notes.map(({ pitch }, i) => vector(pitch, angles[Math.floor(i / 40) % angles.length])), notes];
}

test("notes that differ with their pitch alone are of one timbre", () => {
  assert.deepEqual(chooseTimbres(...play(0)), { count: 1, perhaps: 1 });
});

test("notes that differ at one pitch are of two; a little, perhaps", () => {
  assert.ok(chooseTimbres(...play(-0.5, 0.5)).count >= 2);
  assert.deepEqual(chooseTimbres(...play(-0.22, 0.22)), { count: 1, perhaps: 2 });
});

test("distance at one pitch: none, and that of weak and short notes hardly", () => {
  assert.equal(distanceAtOnePitch([], []), 0);
  assert.equal(distanceAtOnePitch([vector(40, 0), vector(50, 1)], [note(40), note(50)]), 0);
  const [vectors, notes] = play(0);
  const stray = { ...note(60), velocity: 0.01, endFrame: 6 };
  const more = (one) =>
    distanceAtOnePitch([...vectors, vector(60, 1.5)], [...notes, one]) -
    distanceAtOnePitch(vectors, notes);
  assert.ok(more(note(60)) > 0.01);
  assert.ok(more(stray) < more(note(60)) / 10);
});
