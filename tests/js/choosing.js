/**
 * How timbres are counted, for pytest. Arguments: a file of JSON, { notes, levels }, the latter
 * PITCHES × frames, and a module of weights. Prints what the library is told of each note, its
 * verdict, and what it makes of it.
 */

import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

import { Levels } from "../../web/lib/timbres/levels.js";
import { chooseTimbres, hearTimbres } from "../../web/lib/timbres/choose.js";
import { Sounds } from "../../web/lib/timbres/sound.js";

const { notes, levels } = JSON.parse(readFileSync(process.argv[2], "utf8"));
const weights = await import(pathToFileURL(process.argv[3]).href);
const known = new Levels(levels[0].length);
known.data.set(levels.flat());
const sounds = new Sounds(notes, known);
const told = notes.map((/** @type {import("../../web/lib/notes/notes.js").FrameNote} */ note) => [
  ...sounds.describe(note),
]);
const verdict = hearTimbres(notes, known, weights.EARS);
console.log(JSON.stringify({ told, verdict, ...chooseTimbres(verdict, weights) }));
