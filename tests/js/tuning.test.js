import assert from "node:assert/strict";
import { test } from "node:test";

import { Resampler } from "../../web/lib/audio/resample.js";
import { Tuning } from "../../web/lib/stream/tuning.js";

const BINS = 252;
const FRAMES = 40;

/** Energies of tones, as peaks that fall by 10 dB a bin: each [bin, strength]. */
function hear(tonesAt) {
  const energy = new Float32Array(BINS * FRAMES).fill(1e-9);
  for (let t = 0; t < FRAMES; t++) {
    for (const [centre, strength] of tonesAt(t)) {
      for (let k = Math.max(0, Math.ceil(centre - 4)); k < Math.min(BINS, centre + 4); k++) {
        energy[k * FRAMES + t] += strength * 10 ** -((k - centre) ** 2);
      }
    }
  }
  const tuning = new Tuning();
  tuning.add(energy, FRAMES, 0, FRAMES);
  return tuning;
}

/** A chord, so many cents sharp. */
const chord = (cents) => () =>
  [30, 34, 37, 42, 49].map((pitch) => [3 * pitch + 1 + (3 * cents) / 100, 1 / pitch]);

test("a chord's tuning is found to a cent, near half a semitone too", () => {
  for (const cents of [-51, -38, -10, 0, 3, 17, 38, 47]) {
    const tuning = hear(chord(cents));
    assert.ok(Math.abs(tuning.cents - cents) < 1, `${cents}: ${tuning.cents}`);
    assert.ok(tuning.clarity > 0.9);
    assert.equal(tuning.correction, Math.abs(cents) < 8 ? 0 : Math.round(tuning.cents));
  }
});

test("what glides or is spread evenly has no tuning; silence has none", () => {
  const glide = hear((t) => [[60 + 0.31 * t, 1]]);
  assert.ok(glide.clarity < 0.25);
  assert.equal(glide.correction, 0);
  assert.equal(hear(() => []).correction, 0);
  assert.equal(new Tuning().correction, 0);
});

test("only the frames that count are taken", () => {
  const energy = new Float32Array(BINS * 3).fill(1e-9);
  [100, 101, 110].forEach((bin, t) => {
    energy[bin * 3 + t] = 1;
    for (const k of [bin - 1, bin + 1]) energy[k * 3 + t] = 0.01;
  });
  const [inner, whole] = [new Tuning(), new Tuning()];
  inner.add(energy, 3, 1, 2);
  whole.add(energy, 3, 0, 3);
  assert.ok(inner.clarity > 0.999);
  assert.ok(whole.clarity < 0.9);
});

test("a sharp recording is resampled into tune, its length known exactly", () => {
  for (const [rate, cents] of [
    [44100, 38],
    [48000, -45],
    [22050, 50],
    [44100, -3],
  ]) {
    const hz = 440 * 2 ** (cents / 1200);
    const samples = Float32Array.from({ length: rate }, (_, i) => Math.sin((2 * Math.PI * hz * i) / rate));
    const resampler = new Resampler(rate, 44100, cents);
    assert.ok(Math.abs(1200 * Math.log2(resampler.stretch) - cents) < 1e-3);
    const made = resampler.run(samples, 0, 0, resampler.lengthOf(rate));
    assert.equal(made.length, Math.ceil(44100 * resampler.stretch));
    const wanted = 440 * 2 ** (cents / 1200) / resampler.stretch;
    assert.ok(Math.abs(wanted - 440) < 1e-3);
    for (let i = 2000; i < made.length - 2000; i++) {
      assert.ok(Math.abs(made[i] - Math.sin((2 * Math.PI * wanted * i) / 44100)) < 1e-3);
    }
  }
  const plain = new Resampler(48000, 44100);
  assert.equal(plain.stretch, 1);
});
