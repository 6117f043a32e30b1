import assert from "node:assert/strict";
import { test } from "node:test";

import { Listener } from "../../web/lib/audio/audio.js";
import { Stream } from "../../web/lib/stream/stream.js";

const BINS = 252;

/** Any recording: what is heard of it, the stages make up. */
function recording() {
  const samples = Float32Array.from({ length: 3 * 44100 }, (_, i) => Math.sin(i / 50));
  const read = async (from, to) => samples.slice(from, to);
  return Listener.of({ length: samples.length, rateHz: 44100, read }, 44100);
}

/** Stages that hear a chord as sharp as the recording still is, or noise. */
function stagesFor(listener, { cents, noisy = false }) {
  let state = 1;
  const random = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state + 1) / 2 ** 32;
  };
  const energyAt = (k, t) => {
    if (noisy) return -1e-3 * Math.log(random());
    const off = (3 * (cents - listener.cents)) / 100;
    const loud = t % 40 < 30 ? 1 : 0.1;
    return [30, 37, 42].reduce((sum, row) => sum + loud * 10 ** -((k - (3 * row + 1 + off)) ** 2), 1e-9);
  };
  const runs = { ears: 0, notes: 0 };
  const gathers = {
    ears: [{ kind: "deviation", of: ["loudness"], gives: ["deviation"], floor: 1e-30, relative_floor: 1e-5 }],
    notes: [
      { kind: "maximum", of: ["onset"], gives: [], floor: 1e-30 },
      { kind: "maximum", of: ["frame"], gives: [], floor: 1e-30 },
    ],
  };
  const run = {
    ears: async ({ audio }) => {
      const width = Math.ceil(audio.length / 512);
      const energy = Float32Array.from({ length: BINS * width }, (_, i) =>
        energyAt(Math.floor(i / width), i % width),
      );
      const loudness = Float32Array.from({ length: width }, (_, t) => (t % 40 < 30 ? 3 : 0.3));
      return { energy, loudness };
    },
    notes: async ({ energy }) => {
      const width = energy.length / BINS;
      return { onset: new Float32Array(84 * width).fill(0.5), frame: new Float32Array(84 * width).fill(0.5) };
    },
  };
  const stages = {
    names: ["ears", "notes"],
    has: (name) => name in run,
    haloOf: () => 0,
    inputsOf: () => ["energy", "deviation"],
    gathersOf: (name, kind) => gathers[name].filter((one) => one.kind === kind),
    rowsOf: () => 1,
    use: (name, task) => {
      runs[name]++;
      return task(run[name]);
    },
  };
  return { stages, runs };
}

async function listen(options, asked, chunkFrames = 100) {
  const listener = await recording();
  const { stages, runs } = stagesFor(listener, options);
  const stream = new Stream(stages, listener, async () => {}, chunkFrames);
  const { frames, frame } = await stream.listen({ keep: false, ...asked });
  return { listener, runs, frames, stream, heard: frame.some((value) => value > 0) };
}

const FRAMES = Math.ceil((3 * 44100) / 512);

test("a sharp recording is heard again, in tune and so much longer", async () => {
  const { listener, runs, frames, heard } = await listen({ cents: 38 }, { tuning: "auto" });
  assert.equal(listener.cents, 38);
  assert.deepEqual(runs, { ears: 2, notes: 1 });
  assert.equal(frames, Math.ceil(Math.ceil(3 * 44100 * listener.stretch) / 512));
  assert.ok(frames > FRAMES && heard);
});

test("in tune it is heard once; a tuning that is told is taken; untold, none is", async () => {
  const right = await listen({ cents: 3 }, { tuning: "auto" });
  assert.deepEqual([right.listener.cents, right.runs.ears, right.frames], [0, 1, FRAMES]);
  const told = await listen({ cents: 38 }, { tuning: -20 });
  assert.deepEqual([told.listener.cents, told.runs.ears], [-20, 1]);
  const untold = await listen({ cents: 38 }, {});
  assert.deepEqual([untold.listener.cents, untold.runs.ears, untold.frames], [0, 1, FRAMES]);
});

test("levels are those of the recording in tune, in any chunks, and only where they are wanted", async () => {
  const [one, other] = await Promise.all(
    [80, 120].map((frames) => listen({ cents: 38 }, { tuning: "auto", level: true }, frames)),
  );
  const { levels } = one.stream;
  assert.equal(levels.frames, one.frames);
  const [right, beside] = [30, 31].map((row) => levels.data[row * levels.frames + 1]);
  assert.ok(right === 240 && right > beside + 20, `${right}, ${beside}`);
  assert.deepEqual(levels.data, other.stream.levels.data);
  assert.equal((await listen({ cents: 38 }, { tuning: "auto" })).stream.levels, null);
});

test("in noise nothing is heard, where that is asked", async () => {
  const skipped = await listen({ noisy: true }, { tuning: "auto", skipNoise: true });
  assert.deepEqual([skipped.stream.isNoise, skipped.heard, skipped.runs.notes], [true, false, 0]);
  const music = await listen({ cents: 0 }, { tuning: "auto", skipNoise: true });
  assert.deepEqual([music.stream.isNoise, music.heard], [false, true]);
  const kept = await listen({ noisy: true }, {});
  assert.deepEqual([kept.stream.isNoise, kept.heard], [false, true]);
});
