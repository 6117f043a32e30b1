import assert from "node:assert/strict";
import { test } from "node:test";

import midiFile from "../../web/node_modules/midi-file/index.js";
import { toMidi } from "../../web/lib/notes/midi.js";
import { SECONDS_PER_FRAME } from "../../web/lib/notes/notes.js";

const note = (startFrame, endFrame, pitch, velocity = 0.5, timbre = 0) => ({
  start: startFrame * SECONDS_PER_FRAME,
  end: endFrame * SECONDS_PER_FRAME,
  pitch,
  velocity,
  timbre,
});

/** [start, end, pitch, velocity, track, channel] with times in seconds, read by midi-file. */
function read(bytes) {
  const { header, tracks } = midiFile.parseMidi(bytes);
  const tempo = tracks[0].find((event) => event.type === "setTempo").microsecondsPerBeat;
  const notes = [];
  tracks.forEach((events, track) => {
    const open = new Map();
    let tick = 0;
    for (const event of events) {
      tick += event.deltaTime;
      const time = (tick * tempo) / 1e6 / header.ticksPerBeat;
      if (event.type === "noteOn") {
        assert.ok(!open.has(event.noteNumber), "a note began while it sounded");
        open.set(event.noteNumber, { time, ...event });
      } else if (event.type === "noteOff") {
        const on = open.get(event.noteNumber);
        open.delete(event.noteNumber);
        notes.push([on.time, time, on.noteNumber, on.velocity, track, on.channel]);
      }
    }
    assert.equal(open.size, 0, "a note never ended");
  });
  return notes;
}

test("an hour's times come back exactly, whatever the tempo says", () => {
  for (const [bpm, tolerance] of [
    [120, 1e-9],
    [97, 3e-5],
  ]) {
    const notes = Array.from({ length: 2000 }, (_, i) => note(i * 155, i * 155 + 40, 24 + (i % 84)));
    const back = read(toMidi(notes, { bpm }));
    assert.equal(back.length, notes.length);
    back.forEach(([start, end, pitch, velocity], i) => {
      assert.ok(Math.abs(start - notes[i].start) <= tolerance);
      assert.ok(Math.abs(end - notes[i].end) <= tolerance);
      assert.equal(pitch, notes[i].pitch);
      assert.equal(velocity, 64);
    });
  }
});

test("a timbre is a track with a channel and a program; drums are left out", () => {
  const notes = Array.from({ length: 17 }, (_, i) => note(10 * i, 10 * i + 8, 60, 0.5, i));
  const bytes = toMidi(notes, { name: "étude" });
  const back = read(bytes);
  assert.deepEqual(
    back.map((one) => one[4]),
    Array.from({ length: 17 }, (_, i) => i + 1),
  );
  assert.ok(back.every((one) => one[5] !== 9));
  const { tracks } = midiFile.parseMidi(bytes);
  assert.equal(tracks[0][0].text, "_tude");
  assert.equal(tracks[2][0].text, "Timbre 2");
  assert.notEqual(tracks[1][1].programNumber, tracks[2][1].programNumber);
});

test("repeated and overlapping notes of one pitch stay apart", () => {
  const back = read(toMidi([note(0, 10, 60), note(10, 20, 60), note(15, 40, 60)]));
  assert.deepEqual(
    back.map(([start, end]) => [start, end].map((time) => Math.round(time / SECONDS_PER_FRAME))),
    [
      [0, 10],
      [10, 15],
      [15, 40],
    ],
  );
});

test("a note without a length has one tick", () => {
  const [[start, end]] = read(toMidi([note(5, 5, 60)]));
  assert.ok(Math.abs(end - start - 1 / 44100) < 1e-9);
});

test("velocities stay in 1 … 127; no notes make a valid file; a bad tempo is refused", () => {
  const back = read(toMidi([note(0, 9, 60, 0), note(20, 29, 60, 1), note(40, 49, 60, 9)]));
  assert.deepEqual(
    back.map((one) => one[3]),
    [1, 127, 127],
  );
  assert.deepEqual(read(toMidi([])), []);
  for (const bpm of [0, NaN, 5000]) assert.throws(() => toMidi([], { bpm }), RangeError);
});
