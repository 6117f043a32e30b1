/**
 * How timbres are counted, for pytest. Argument: a file of JSON, { vectors, notes, unrest, levels,
 * frame }, the last two PITCHES × frames. Prints what the library judges by, its verdict and its
 * weights; NaN as null.
 */

import { readFileSync } from "node:fs";

import { Levels } from "../../web/lib/timbres/levels.js";
import * as weights from "../../web/lib/timbres/choose-weights.js";
import { chooseTimbres, describeTimbres } from "../../web/lib/timbres/choose.js";
import { Sounds } from "../../web/lib/timbres/sound.js";

const { vectors, notes, unrest, levels, frame } = JSON.parse(readFileSync(process.argv[2], "utf8"));
const known = new Levels(levels[0].length);
known.data.set(levels.flat());
const sounds = new Sounds(notes, known, Float32Array.from(frame.flat()));
const placed = vectors.map((/** @type {number[]} */ values) => Float64Array.from(values));
const traits = describeTimbres(placed, notes, unrest, sounds);
const mute = describeTimbres(placed, notes, unrest);
const told = notes.map((/** @type {import("../../web/lib/notes/notes.js").FrameNote} */ note) => [
  ...sounds.describe(note),
]);
console.log(JSON.stringify({ traits, mute, told, ...chooseTimbres(traits), weights }));
