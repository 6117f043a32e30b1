import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { runInNewContext } from "node:vm";

import { makeNotes, PITCHES } from "../../web/lib/notes/notes.js";

const SOURCE = new URL("notedigger_app/dataProcess/AI/postprocess.js", import.meta.url);
const app = runInNewContext(`${readFileSync(SOURCE, "utf8")}; ({ createNotes, findPeak })`);

test("noteDigger's decoder loses a peak of one frame after a quiet cell; the library's does not", () => {
  const cells = [0, 0.9, 0, 0, 0, 0.9, 0, 0];
  assert.deepEqual([...app.findPeak([cells], 0.38)].map(([t]) => t), [1]);
  // Two such onsets in a sound that goes on: two notes, or one.
  const frames = 40;
  const onset = new Float32Array(PITCHES * frames);
  const frame = new Float32Array(PITCHES * frames);
  frame.fill(0.5, 0, frames);
  for (const t of [5, 15]) onset[t] = 0.9;
  const dims = [1, PITCHES, frames];
  const theirs = app.createNotes({ cpuData: onset.slice(), dims }, { cpuData: frame, dims }, 0.22, 0.38);
  const ours = makeNotes(onset, frame, frames, { frame: 0.22, onset: 0.38 });
  assert.deepEqual(ours.map((note) => note.startFrame), [5, 15]);
  assert.deepEqual([...theirs].map((note) => note.onset), [5]);
});
