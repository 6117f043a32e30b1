import assert from "node:assert/strict";
import { test } from "node:test";

import { mixToMono, resample, sanitise, setLevel } from "../../web/lib/audio.js";

const tone = (hz, rateHz, seconds) =>
  Float32Array.from({ length: rateHz * seconds }, (_, i) =>
    Math.sin((2 * Math.PI * hz * i) / rateHz),
  );

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

test("what is not a number becomes silence, and is counted", () => {
  const samples = Float32Array.from([0.5, NaN, -0.75, Infinity, -Infinity, 0]);
  const rms = Math.sqrt((0.5 ** 2 + 0.75 ** 2) / 6);
  assert.deepEqual(sanitise(samples), { peak: 0.75, rms, repaired: 3 });
  assert.deepEqual(Array.from(samples), [0.5, 0, -0.75, 0, 0, 0]);
});

test("every recording comes to one level, but noise is not made music", () => {
  for (const gain of [1e-3, 0.05, 1, 1e18]) {
    const samples = tone(440, 44100, 1).map((x) => gain * x);
    setLevel(samples, sanitise(samples).rms);
    assert.ok(Math.abs(sanitise(samples).rms - 0.06) < 1e-6);
  }
  const noise = tone(440, 44100, 1).map((x) => 1e-5 * x);
  setLevel(noise, sanitise(noise).rms);
  assert.ok(sanitise(noise).peak <= 1.001e-3);
});

test("channels are mixed by their mean, across slices", async () => {
  const length = (1 << 20) + 5;
  const channels = [new Float32Array(length).fill(1), new Float32Array(length).fill(-0.5)];
  const buffer = {
    length,
    numberOfChannels: 2,
    copyFromChannel: (target, c, start) =>
      target.set(channels[c].subarray(start, start + target.length)),
  };
  const mono = await mixToMono(buffer);
  assert.equal(mono.length, length);
  assert.ok(mono.every((x) => x === 0.25));
});
