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
  const tempos = [];
  let reached = 0;
  let seconds = 0;
  let perTick = 0;
  for (const { deltaTime, microsecondsPerBeat } of tracks[0]) {
    reached += deltaTime;
    seconds += deltaTime * perTick;
    if (!microsecondsPerBeat) continue;
    perTick = microsecondsPerBeat / 1e6 / header.ticksPerBeat;
    tempos.push({ tick: reached, seconds, perTick });
  }
  const secondsAt = (wanted) => {
    const { tick, seconds, perTick } = tempos.findLast(({ tick }) => tick <= wanted);
    return seconds + (wanted - tick) * perTick;
  };
  const notes = [];
  tracks.forEach((events, track) => {
    const open = new Map();
    let tick = 0;
    for (const event of events) {
      tick += event.deltaTime;
      const time = secondsAt(tick);
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

/** Beats that hurry and drag, from 0.57 s on. */
const rubato = Array.from({ length: 5000 }, (_, i) => 0.57 + 0.7 * i + 0.2 * Math.sin(i / 3));

test("an hour's times come back within a millisecond, whatever the tempo says", () => {
  const notes = Array.from({ length: 2000 }, (_, i) => note(i * 155, i * 155 + 40, 24 + (i % 84)));
  for (const options of [{ bpm: 120 }, { bpm: 97 }, { bpm: 10 }, { bpm: 400 }, { beats: rubato }]) {
    const back = read(toMidi(notes, options));
    assert.equal(back.length, notes.length);
    back.forEach(([start, end, pitch, velocity], i) => {
      assert.ok(Math.abs(start - notes[i].start) <= 1e-3);
      assert.ok(Math.abs(end - notes[i].end) <= 1e-3);
      assert.equal(pitch, notes[i].pitch);
      assert.equal(velocity, 64);
    });
  }
});

test("480 ticks a beat, or as many as a millisecond asks for; not too many in all", () => {
  const divisionOf = (options, seconds = 10) =>
    midiFile.parseMidi(toMidi([{ ...note(0, 10, 60), end: seconds }], options)).header.ticksPerBeat;
  assert.equal(divisionOf({}), 480);
  assert.equal(divisionOf({}, 7200), 480);
  assert.equal(divisionOf({ bpm: 60 }), 960);
  assert.equal(divisionOf({ bpm: 200 }, 7200), 240);
});

test("a beat stands on a multiple of the division, where it was heard", () => {
  const beats = rubato.slice(0, 50);
  const notes = beats.map((start) => ({ ...note(0, 10, 60), start, end: start + 0.1 }));
  const { header, tracks } = midiFile.parseMidi(toMidi(notes, { beats }));
  let tick = 0;
  const starts = [];
  for (const { deltaTime, type } of tracks[1]) {
    tick += deltaTime;
    if (type === "noteOn") starts.push(tick / header.ticksPerBeat);
  }
  assert.deepEqual(
    starts,
    Array.from(starts, (_, i) => i + 1),
  );
});

test("an even tempo is said once, and invalid beats are refused", () => {
  const even = Array.from({ length: 400 }, (_, i) => 0.05 + i / 1.7);
  const { tracks } = midiFile.parseMidi(toMidi([note(0, 10, 60)], { beats: even }));
  const tempos = tracks[0].filter((event) => event.type === "setTempo");
  assert.ok(tempos.length <= 3, `${tempos.length} tempos`);
  for (const beats of [[], [1], [1, 1], [2, 1], [-1, 1], [0, NaN]]) {
    assert.throws(() => toMidi([], { beats }), RangeError);
  }
});

test("a timbre is a track with a channel and no instrument's name; drums are left out", () => {
  const notes = Array.from({ length: 17 }, (_, i) => note(10 * i, 10 * i + 8, 60, 0.5, i));
  const bytes = toMidi(notes, { name: "月光 étude\n", names: ["", "長笛"] });
  const back = read(bytes);
  assert.deepEqual(
    back.map((one) => one[4]),
    Array.from({ length: 17 }, (_, i) => i + 1),
  );
  assert.ok(back.every((one) => one[5] !== 9));
  const { tracks } = midiFile.parseMidi(bytes);
  const texts = tracks.map(([{ text }]) => Buffer.from(text, "latin1").toString());
  assert.deepEqual(texts.slice(0, 4), ["月光 étude ", "Timbre 1", "長笛", "Timbre 3"]);
  assert.ok(tracks.slice(1).every((events) => events[1].programNumber === 0));
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
  assert.ok(Math.abs(end - start - 0.5 / 480) < 1e-9);
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
