import assert from "node:assert/strict";
import { test } from "node:test";

import { gainFor, Listener, sanitise } from "../../web/lib/audio/audio.js";
import { mixToMono } from "../../web/lib/audio/mix.js";
import { Resampler } from "../../web/lib/audio/resample.js";

const tone = (hz, rateHz, seconds) =>
  Float32Array.from({ length: rateHz * seconds }, (_, i) =>
    Math.sin((2 * Math.PI * hz * i) / rateHz),
  );

/** A whole recording at another rate. */
function resample(samples, fromHz, toHz) {
  const resampler = new Resampler(fromHz, toHz);
  return resampler.run(samples, 0, 0, resampler.lengthOf(samples.length));
}

/** A recording in memory, as a page hands it over. */
const sourceOf = (samples, rateHz) => ({
  length: samples.length,
  rateHz,
  read: async (from, to) => samples.slice(from, to),
});

/** Level of the inner part in dB of a full-scale sine. */
function levelDb(samples) {
  const inner = samples.subarray(4000, samples.length - 4000);
  return 10 * Math.log10((2 * inner.reduce((sum, x) => sum + x * x, 0)) / inner.length + 1e-30);
}

for (const fromHz of [16000, 22050, 32000, 48000, 96000, 192000]) {
  test(`${fromHz} → 44100 Hz: a tone in the pass band stays the tone it was`, () => {
    for (const hz of [100, 1000, 0.35 * Math.min(fromHz, 44100)]) {
      const made = resample(tone(hz, fromHz, 1), fromHz, 44100);
      assert.equal(made.length, 44100);
      const wanted = tone(hz, 44100, 1);
      assert.ok(levelDb(made.map((x, i) => x - wanted[i])) < -80);
    }
  });
}

for (const fromHz of [48000, 96000, 192000]) {
  test(`${fromHz} → 44100 Hz: nothing aliases above −60 dB`, () => {
    for (let hz = 22100; hz < fromHz / 2; hz += 1900) {
      assert.ok(levelDb(resample(tone(hz, fromHz, 1), fromHz, 44100)) < -60, `${hz} Hz`);
    }
  });
}

test("the aliasing check sees a resampler that picks the nearest sample", () => {
  const high = tone(30000, 96000, 1);
  const nearest = Float32Array.from({ length: 44100 }, (_, i) => high[Math.round((i * 96) / 44.1)]);
  assert.ok(levelDb(nearest) > -10);
});

test("the same rate costs nothing; odd rates and the shortest recordings are borne", () => {
  const samples = tone(440, 44100, 1);
  assert.equal(resample(samples, 44100, 44100), samples);
  assert.equal(resample(new Float32Array(1), 11025, 44100).length, 4);
  assert.equal(resample(new Float32Array(0), 48000, 44100).length, 0);
  assert.equal(resample(tone(440, 44099, 1), 44099, 44100).length, 44100);
  for (const rate of [0, NaN, -48000, 44100.5, 1e9]) {
    assert.throws(() => resample(samples, rate, 44100), { code: "audio" });
  }
});

test("a part resampled alone is the whole's part, to the last bit", () => {
  const samples = tone(997, 48000, 0.5);
  const whole = resample(samples, 48000, 44100);
  const resampler = new Resampler(48000, 44100);
  const borders = [0, 1, 2, 1000, 1001, 9999, whole.length - 1, whole.length];
  for (let i = 1; i < borders.length; i++) {
    const [start, end] = [borders[i - 1], borders[i]];
    const { from, to } = resampler.reach(start, end, samples.length);
    const part = resampler.run(samples.slice(from, to), from, start, end);
    assert.deepEqual(part, whole.slice(start, end));
  }
  const { from, to } = resampler.reach(1000, 2000, samples.length);
  const short = resampler.run(samples.slice(from, to - 20), from, 1000, 2000);
  assert.notDeepEqual(short, whole.slice(1000, 2000), "the check sees samples that are missing");
});

test("samples that are not finite become silence, and are counted", () => {
  const samples = Float32Array.from([0.5, NaN, -0.75, Infinity, -Infinity, 0]);
  assert.deepEqual(sanitise(samples), { peak: 0.75, squares: 0.5 ** 2 + 0.75 ** 2, repaired: 3 });
  assert.deepEqual(Array.from(samples), [0.5, 0, -0.75, 0, 0, 0]);
});

test("every recording comes to one level, but noise is not made music", async () => {
  for (const gain of [1e-3, 0.05, 1, 1e18]) {
    const samples = tone(440, 44100, 1).map((x) => gain * x);
    const listener = await Listener.of(sourceOf(samples, 44100), 44100);
    const { squares } = sanitise(await listener.read(0, 44100));
    assert.ok(Math.abs(Math.sqrt(squares / 44100) - 0.06) < 1e-6);
    assert.equal(listener.silent, false);
  }
  assert.equal(gainFor(1e-5), 100);
  for (const [peak, silent] of [
    [0, true],
    [0.9e-6, true],
    [1.1e-6, false],
  ]) {
    const samples = new Float32Array(9).fill(-peak, 3, 5);
    assert.equal((await Listener.of(sourceOf(samples, 44100), 44100)).silent, silent);
  }
});

test("what is shorter than 16 frames is too short, at any rate", async () => {
  for (const [length, rateHz, brief] of [
    [1, 44100, true],
    [8191, 44100, true],
    [8192, 44100, false],
    [1485, 8000, true],
    [1486, 8000, false],
  ]) {
    const samples = new Float32Array(length).fill(0.5);
    assert.equal((await Listener.of(sourceOf(samples, rateHz), 44100)).brief, brief, `${length}`);
  }
});

test("a recording heard in pieces is the one heard whole, damage repaired", async () => {
  const samples = tone(440, 48000, 0.25);
  samples[5000] = NaN;
  const listener = await Listener.of(sourceOf(samples, 48000), 44100);
  assert.equal(listener.length, 11025);
  assert.equal(listener.repaired, 1);
  assert.ok(Math.abs(listener.seconds - 0.25) < 1e-12);
  const whole = await listener.read(0, listener.length);
  assert.deepEqual(await listener.read(4000, 7000), whole.slice(4000, 7000));
  const over = await listener.read(11000, 11100);
  assert.deepEqual(over.slice(0, 25), whole.slice(11000));
  assert.deepEqual(over.slice(25), new Float32Array(75));
});

test("no sample of a recording is left out at another rate", () => {
  for (const [fromHz, length, expected] of [
    [48000, 160, 147],
    [48000, 161, 148],
    [22050, 9, 18],
    [44100, 9, 9],
  ]) {
    assert.equal(new Resampler(fromHz, 44100).lengthOf(length), expected);
  }
});

/** Channels as a browser decodes them. */
const bufferOf = (...channels) => ({
  length: channels[0].length,
  numberOfChannels: channels.length,
  copyFromChannel: (target, c, start) =>
    target.set(channels[c].subarray(start, start + target.length)),
});

test("channels are mixed by their mean; a copy is made of one", () => {
  const channels = [new Float32Array(9).fill(1), new Float32Array(9).fill(0.5)];
  channels[0][4] = 2;
  assert.deepEqual(Array.from(mixToMono(bufferOf(...channels), 3, 6)), [0.75, 1.25, 0.75]);
  const samples = Float32Array.of(1, 2, 3);
  const copy = mixToMono({ samples, rateHz: 44100 }, 1, 3);
  copy[0] = 9;
  assert.deepEqual(Array.from(samples), [1, 2, 3]);
  const one = tone(997, 44100, 1);
  assert.deepEqual(mixToMono(bufferOf(one), 0, 44100), one);
  assert.deepEqual(mixToMono(bufferOf(one, one.slice()), 0, 44100), one);
});

test("channels that cancel each other do not, whatever part is asked for", () => {
  const left = tone(440, 44100, 1);
  const right = left.map((x, i) => -0.9 * x + 0.05 * Math.sin(i / 7));
  right[5] = NaN;
  for (const channels of [[left, right], [left, right, left], [left, left, right]]) {
    const mixed = mixToMono(bufferOf(...channels), 20000, 30000);
    assert.ok(levelDb(mixed) > -2, `${levelDb(mixed)} dB`);
  }
  const mean = left.map((x, i) => (x + right[i]) / 2);
  assert.ok(levelDb(mean.slice(20000, 30000)) < -20, "the check sees channels that cancel");
});

test("what two channels do not share leaves them as they are", () => {
  const [left, right] = [tone(440, 44100, 1), tone(660, 44100, 1)];
  const aside = right.map((x, i) => x - 0.2 * left[i]);
  const mixed = mixToMono(bufferOf(left, aside), 0, 44100);
  assert.deepEqual(mixed, left.map((x, i) => Math.fround(x + aside[i]) / 2));
});

test("a copy takes the room that it is lent, if it is large enough, and nothing of what was in it", () => {
  const samples = Float32Array.from({ length: 10 }, (_, i) => i + 1);
  const channels = {
    length: 10,
    numberOfChannels: 1,
    sampleRate: 44100,
    copyFromChannel: (part, _, from) => part.set(samples.subarray(from, from + part.length)),
  };
  for (const audio of [{ samples, rateHz: 44100 }, channels]) {
    const room = new Float32Array(6).fill(NaN).buffer;
    const lent = mixToMono(audio, 2, 7, room);
    assert.deepEqual(lent, samples.slice(2, 7));
    assert.equal(lent.buffer, room);
    assert.notEqual(mixToMono(audio, 0, 7, room).buffer, room);
    assert.deepEqual(mixToMono(audio, 2, 7), samples.slice(2, 7));
  }
});
