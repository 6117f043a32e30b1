import assert from "node:assert/strict";
import { test } from "node:test";

import { Transcript } from "../../web/lib/stream/transcript.js";
import { Levels } from "../../web/lib/timbres/levels.js";
import { PITCHES } from "../../web/lib/notes/notes.js";

const FRAMES = 400;
const NOTES = Array.from({ length: 12 }, (_, i) => {
  const startFrame = 30 * i;
  return { startFrame, endFrame: startFrame + 20, pitch: 50 + i, velocity: 1 };
});

/** A transcript of NOTES, whose stream only counts what it is asked to encode. */
function open(count) {
  const stages = { has: () => true, names: [], haloOf: () => 0, gathersOf: () => [] };
  const listener = { seconds: 3, length: 44100, stretch: 1, silent: false, brief: false };
  const transcript = new Transcript(/** @type {any} */ (stages), /** @type {any} */ (listener));
  const size = PITCHES * FRAMES;
  const activations = { onset: new Float32Array(size), frame: new Float32Array(size), frames: FRAMES };
  const encoded = [];
  const read = () => ({ data: new Float32Array(12 * 40), stride: 40, at: 0 });
  transcript._stream = /** @type {any} */ ({
    listen: async () => activations,
    levels: new Levels(FRAMES),
    encode: async (spans) => encoded.push(...spans),
    embeddings: { has: () => encoded.length > 0, read },
    passFrames: 1e6,
  });
  transcript._find = () => NOTES;
  transcript._hearTimbres = async () => count;
  return { transcript, encoded };
}

const ASKED = { thresholds: {}, keepOvertones: false, tuning: 0, onNotes: () => {} };
const onProgress = async () => {};

test("what sounds as one timbre, or perhaps as two, is not encoded until more are asked for", async () => {
  for (const perhaps of [1, 2]) {
    const { transcript, encoded } = open({ count: 1, perhaps });
    await transcript.listen({ ...ASKED, timbres: "auto", onProgress });
    const { labels, ...told } = await transcript.makeNotes({ ...ASKED, timbres: "auto", onProgress });
    assert.deepEqual([told.count, told.perhaps, Math.max(...labels)], [1, perhaps, 0]);
    assert.equal(encoded.length, 0);
    const two = await transcript.makeNotes({ ...ASKED, timbres: 2, onProgress });
    assert.equal(two.count, 2);
    assert.equal(encoded.length, NOTES.length);
  }
});

test("what sounds as two timbres, or shall be, is encoded at once", async () => {
  const cases = [
    ["auto", { count: 2, perhaps: 2 }],
    [3, { count: 1, perhaps: 1 }],
  ];
  for (const [timbres, count] of cases) {
    const { transcript, encoded } = open(count);
    await transcript.listen({ ...ASKED, timbres, onProgress });
    assert.ok(encoded.length >= NOTES.length);
    const known = encoded.length;
    const made = await transcript.makeNotes({ ...ASKED, timbres, onProgress });
    assert.equal(made.count, timbres === "auto" ? count.count : timbres);
    assert.equal(encoded.length, known, "nothing was missing");
  }
});

test("timbres are counted once for the same notes", async () => {
  const { transcript } = open({ count: 1, perhaps: 1 });
  let asked = 0;
  transcript._hearTimbres = async () => ({ count: 1, perhaps: ++asked });
  await transcript.listen({ ...ASKED, timbres: "auto", onProgress });
  const again = () => transcript.makeNotes({ ...ASKED, timbres: "auto", onProgress });
  assert.deepEqual([(await again()).perhaps, (await again()).perhaps], [1, 1]);
  transcript._find = () => NOTES.slice(1);
  assert.equal((await again()).perhaps, 2);
});

test("all together, nothing is encoded", async () => {
  const { transcript, encoded } = open({ count: 2, perhaps: 2 });
  await transcript.listen({ ...ASKED, timbres: 1, onProgress });
  assert.equal((await transcript.makeNotes({ ...ASKED, timbres: 1, onProgress })).count, 1);
  assert.equal(encoded.length, 0);
});
