import assert from "node:assert/strict";
import { test } from "node:test";

import { EMBEDDING_SIZE, noteUnrest, readDense } from "../../web/lib/timbres/timbres.js";
import { chooseTimbres, describeTimbres } from "../../web/lib/timbres/choose.js";
import { REGIMES, WIDE } from "../../web/lib/timbres/choose-weights.js";
import { PITCHES } from "../../web/lib/notes/notes.js";

/** Each note overlaps the one before. */
const note = (pitch, i) => ({ startFrame: 11 * i, endFrame: 11 * i + 20, pitch, velocity: 0.7 });

/** A vector that turns with the pitch, and stands apart by an angle. */
function vector(pitch, apart) {
  const made = new Float64Array(EMBEDDING_SIZE);
  const turned = (pitch - 60) / 80;
  made[0] = Math.cos(turned) * Math.cos(apart);
  made[1] = Math.sin(turned) * Math.cos(apart);
  made[2] = Math.sin(apart);
  return made;
}

/** Notes from low to high, in turns of as many instruments as there are angles. */
function play(...angles) {
  const notes = Array.from({ length: 80 }, (_, i) => note(40 + (i % 40), i));
  const vectors = notes.map(({ pitch }, i) => vector(pitch, angles[i % angles.length]));
  return describeTimbres(vectors, notes, new Float64Array(80).fill(0.09));
}

test("notes that differ with their pitch alone are of one timbre, two kinds of two", () => {
  assert.deepEqual(chooseTimbres(play(0)), { count: 1, perhaps: 1 });
  assert.deepEqual(chooseTimbres(play(-0.5, 0.5)), { count: 2, perhaps: 2 });
  const between = [0.1, 0.15, 0.2, 0.25, 0.3, 0.35].map((angle) => chooseTimbres(play(-angle, angle)));
  assert.ok(between.some(({ count, perhaps }) => count === 1 && perhaps === 2));
  assert.deepEqual(chooseTimbres(null), { count: 1, perhaps: 1 });
});

test("embeddings that vary much are judged by other weights", () => {
  const [little, much] = REGIMES.map((one) => ({ ...one, CERTAIN: -Infinity }));
  const never = { ...REGIMES[0], CERTAIN: Infinity };
  const traits = play(0);
  assert.ok(traits[0] < WIDE);
  assert.equal(chooseTimbres(traits, [little, never]).count, 2);
  assert.equal(chooseTimbres(traits.with(0, WIDE + 0.01), [never, much]).count, 2);
  assert.equal(chooseTimbres(traits.with(0, WIDE + 0.01), [little, never]).count, 1);
});

test("notes of one pitch whose sounds differ are of two timbres sooner; unknown ones say nothing", () => {
  const notes = Array.from({ length: 80 }, (_, i) => note(40 + (i % 40), i));
  const vectors = notes.map(({ pitch }) => vector(pitch, 0));
  const unrest = new Float64Array(80).fill(0.09);
  const sounds = (apart) => ({
    describe: (one) => new Float64Array(12).fill(notes.indexOf(one) < 40 ? apart : 2 * apart),
  });
  const [same, far, unheard] = [sounds(0), sounds(1), sounds(NaN)].map((one) =>
    describeTimbres(vectors, notes, unrest, one),
  );
  assert.deepEqual(same.slice(0, 6), far.slice(0, 6));
  const sound = same.slice(6);
  assert.equal(sound.length, 6);
  assert.ok(sound.every((value, k) => value < far[6 + k] - 1), `${sound}, ${far.slice(6)}`);
  assert.ok(unheard.slice(6).every(Number.isNaN));
  assert.deepEqual(unheard, describeTimbres(vectors, notes, unrest));
  const weights = { MEAN: [0, 0], SCALE: [1, 1], WEIGHTS: [1, 1, 0], CERTAIN: 1, LIKELY: 1 };
  assert.equal(chooseTimbres([2, NaN], [weights, weights]).count, 2);
  assert.equal(chooseTimbres([2, -2], [weights, weights]).count, 1);
});

test("few notes, and notes without an embedding, say nothing", () => {
  const [notes, vectors] = [Array.from({ length: 6 }, (_, i) => note(60, i)), Array(6).fill(vector(60, 0))];
  assert.equal(describeTimbres(vectors, notes, Array(6).fill(0))?.length, 12);
  const mute = vectors.with(3, new Float64Array(EMBEDDING_SIZE));
  assert.equal(describeTimbres(mute, notes, Array(6).fill(0)), null);
  assert.equal(describeTimbres([], [], []), null);
});

test("a note's unrest is the turn from its first third to its last", () => {
  const frames = 9;
  const embedding = new Float32Array(EMBEDDING_SIZE * PITCHES * frames);
  for (let t = 0; t < frames; t++) embedding[(t < 3 ? 0 : t < 6 ? 5 : 1) * PITCHES * frames + t] = 1;
  embedding[6] = 1; // channel 0 too, in the last third's first frame
  const frame = new Float32Array(PITCHES * frames).fill(0.5);
  const steady = { startFrame: 3, endFrame: 6, pitch: 24, velocity: 1 };
  const whole = { ...steady, startFrame: 0, endFrame: 9 };
  const [calm, turned] = noteUnrest([steady, whole], readDense(embedding, frames), frame, frames);
  assert.equal(calm, 0);
  assert.ok(Math.abs(turned - (1 - 1 / Math.hypot(1, 3))) < 1e-12, `${turned}`);
});
