import assert from "node:assert/strict";
import { test } from "node:test";

import { chooseTimbres, hearTimbres } from "../../web/lib/timbres/choose.js";
import { Levels, PER_DB } from "../../web/lib/timbres/levels.js";
import { Sounds, VALUES } from "../../web/lib/timbres/sound.js";
import { LOWEST_PITCH, PITCHES } from "../../web/lib/notes/notes.js";

/** Semitones from a note to its overtones. */
const OVERTONES = [0, 12, 19, 24, 28, 31, 34, 36];
/** How much an overtone is below the one before, how long a note takes to rise, and how it falls. */
const PLUCKED = { below: 9, rise: 1, fall: 0.5 };
const BOWED = { below: 2, rise: 9, fall: 0 };

/** @param {number} i @param {number} pitch */
const note = (i, pitch) => ({ startFrame: 22 * i + 20, endFrame: 22 * i + 42, pitch, velocity: 0.7 });

/** Notes one after the other, on instruments in turns, at a loudness in decibels. */
function play(instruments, count = 60, loudness = 80) {
  const notes = Array.from({ length: count }, (_, i) => note(i, 48 + ((i * 7) % 25)));
  const levels = new Levels(22 * count + 60);
  levels.data.fill(PER_DB * (loudness - 60));
  notes.forEach(({ startFrame, endFrame, pitch }, i) => {
    const { below, rise, fall } = instruments[(i * 3) % instruments.length];
    OVERTONES.forEach((over, k) => {
      const row = pitch - LOWEST_PITCH + over;
      if (row >= PITCHES) return;
      for (let t = startFrame; t < endFrame; t++) {
        const since = t - startFrame;
        const level = loudness - below * k - fall * since - Math.max(0, 3 * (rise - since));
        const at = row * levels.frames + t;
        levels.data[at] = Math.max(levels.data[at], Math.round(PER_DB * level));
      }
    });
  });
  return { notes, levels };
}

/** @param {{notes: any[], levels: Levels}} piece */
const hear = ({ notes, levels }) => hearTimbres(notes, levels) ?? NaN;

test("a long piece is judged by notes from all of it", () => {
  const piece = play([PLUCKED, BOWED], 1000);
  const short = hear(play([PLUCKED, BOWED], 100));
  assert.ok(Math.abs(hear(piece) - short) < 1, `${hear(piece)}, ${short}`);
  const { data, frames } = piece.levels;
  const begun = Math.round(0.98 * frames);
  for (let row = 0; row < PITCHES; row++) data.fill(40, row * frames + begun, (row + 1) * frames);
  assert.notEqual(hear(piece), hear(play([PLUCKED, BOWED], 1000)));
});

test("few notes say nothing, and limits decide", () => {
  const { notes, levels } = play([PLUCKED, BOWED], 6);
  assert.equal(typeof hearTimbres(notes, levels), "number");
  assert.equal(hearTimbres(notes.slice(1), levels), null);
  assert.equal(hearTimbres([], levels), null);
  assert.deepEqual(chooseTimbres(null), { count: 1, perhaps: 1 });
  const limits = { CERTAIN: 1, LIKELY: 0 };
  assert.deepEqual(
    [-0.1, 0, 1].map((verdict) => chooseTimbres(verdict, limits)),
    [
      { count: 1, perhaps: 1 },
      { count: 1, perhaps: 2 },
      { count: 2, perhaps: 2 },
    ],
  );
});

test("a louder recording sounds the same", () => {
  const [quiet, loud] = [80, 100].map((loudness) => play([PLUCKED, BOWED], 20, loudness));
  const told = [quiet, loud].map(({ notes, levels }) => {
    const sounds = new Sounds(notes, levels);
    return notes.map((one) => [...sounds.describe(one)]);
  });
  assert.equal(told[0][0].length, VALUES);
  assert.deepEqual(told[0], told[1]);
});

test("a note at the recording's edge, or of a single frame, is described", () => {
  const levels = new Levels(10);
  for (let i = 0; i < levels.data.length; i++) levels.data[i] = (i * 37) % 256;
  const notes = [
    { startFrame: 0, endFrame: 1, pitch: LOWEST_PITCH, velocity: 1 },
    { startFrame: 9, endFrame: 10, pitch: LOWEST_PITCH + PITCHES - 1, velocity: 1 },
  ];
  const sounds = new Sounds(notes, levels);
  for (const one of notes) assert.ok(sounds.describe(one).every(Number.isFinite));
});
