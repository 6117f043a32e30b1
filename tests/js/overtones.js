/**
 * Notes and overtones of activations, for pytest. Argument: a file of JSON, { frames, thresholds,
 * onset, frame: bytes in base64 }. Prints what the library makes of them, and its weights.
 */

import { readFileSync } from "node:fs";

import { endAtGaps } from "../../web/lib/notes/ends.js";
import { makeNotes } from "../../web/lib/notes/notes.js";
import * as weights from "../../web/lib/notes/overtone-weights.js";
import { describeNotes, dropOvertones, FEATURES } from "../../web/lib/notes/overtones.js";

const request = JSON.parse(readFileSync(process.argv[2], "utf8"));
const { frames, thresholds } = request;
const [onset, frame] = ["onset", "frame"].map((name) =>
  Float32Array.from(Buffer.from(request[name], "base64"), (byte) => byte / 255),
);
const notes = makeNotes(onset, frame, frames, thresholds);
const features = [...describeNotes(notes, onset, frame, frames)];
const kept = dropOvertones(notes, onset, frame, frames, weights).map((note) => notes.indexOf(note));
const ends = endAtGaps(notes, frame, frames, thresholds.frame).map((note) => note.endFrame);
console.log(JSON.stringify({ features, kept, ends, size: FEATURES, weights }));
