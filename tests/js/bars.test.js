import assert from "node:assert/strict";
import { test } from "node:test";

import midiFile from "../../web/node_modules/midi-file/index.js";
import { accentsOf, findBars, PLAIN_BARS } from "../../web/lib/notes/bars.js";
import { toMidi } from "../../web/lib/notes/midi.js";

const beats = Array.from({ length: 25 }, (_, i) => 0.5 + 0.5 * i);

/** A melody on every beat, and what `lower` adds at the beats that begin bars. */
function play(meter, first, lower) {
  const at = (i, pitch, length, velocity) => ({
    start: beats[i] + 0.02,
    end: beats[i] + 0.02 + length,
    pitch,
    velocity,
    timbre: 0,
  });
  return beats.flatMap((_, i) => {
    const melody = at(i, 72 + ((i * 5) % 7), 0.4, 0.6);
    return i % meter === first ? [melody, ...lower(i).map((pitch) => at(i, pitch, 0.4, 0.6))] : [melody];
  });
}

test("bars begin with the bass, in threes and in fours, wherever the first one is", () => {
  for (const meter of [3, 4]) {
    for (let first = 0; first < meter; first++) {
      const notes = play(meter, first, (i) => [40 + (i % 5)]);
      assert.deepEqual(findBars(notes, beats), { meter, first });
    }
  }
});

test("notes a little early belong to their beat, notes far from any to none", () => {
  const [early, between] = [-0.1, 0.23].map((late) =>
    play(4, 1, (i) => [40 + (i % 5)]).map((note) => ({ ...note, start: note.start + late })),
  );
  assert.deepEqual(findBars(early, beats), { meter: 4, first: 1 });
  assert.ok(Math.max(...accentsOf(early, beats)) > 3);
  assert.ok(Math.max(...accentsOf(between, beats)) < 3, "only their harmony is heard");
});

test("nothing, too little, and beats all alike give fours from the first beat", () => {
  assert.deepEqual(findBars([], beats), PLAIN_BARS);
  assert.deepEqual(findBars([], []), PLAIN_BARS);
  assert.deepEqual(findBars(play(4, 1, () => [40]), beats.slice(0, 4)), PLAIN_BARS);
});

test("a MIDI file's bars begin there: what comes before is a bar of its own", () => {
  const signaturesOf = (options) => {
    const { header, tracks } = midiFile.parseMidi(toMidi(play(3, 1, () => [40]), options));
    let tick = 0;
    return tracks[0].flatMap(({ deltaTime, type, numerator, denominator }) => {
      tick += deltaTime;
      return type === "timeSignature" ? [[tick / header.ticksPerBeat, numerator, denominator]] : [];
    });
  };
  // One beat fits before the first.
  assert.deepEqual(signaturesOf({ beats, bars: { meter: 3, first: 1 } }), [[0, 2, 4], [2, 3, 4]]);
  assert.deepEqual(signaturesOf({ beats, bars: { meter: 4, first: 3 } }), [[0, 4, 4]]);
  assert.deepEqual(signaturesOf({ beats }), [[0, 4, 4]]);
  assert.deepEqual(signaturesOf({}), [[0, 4, 4]]);
});

test("the meter can be given", () => {
  const notes = play(4, 1, (i) => [40 + (i % 5)]);
  assert.equal(findBars(notes, beats, [3]).meter, 3);
  assert.deepEqual(findBars([], beats, [3]), { meter: 3, first: 0 });
});
