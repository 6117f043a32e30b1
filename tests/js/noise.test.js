import assert from "node:assert/strict";
import { test } from "node:test";

import { Noise } from "../../web/lib/stream/noise.js";

const BINS = 252;
const FRAMES = 60;

/** @param {(bin: number, frame: number) => number} energyAt */
function hear(energyAt) {
  const energy = Float32Array.from({ length: BINS * FRAMES }, (_, i) =>
    energyAt(Math.floor(i / FRAMES), i % FRAMES),
  );
  const noise = new Noise();
  noise.add(energy, FRAMES, 0, 20);
  noise.add(energy, FRAMES, 20, FRAMES);
  return noise;
}

/** Values in (0, 1), always the same. */
function random() {
  let state = 1;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state + 1) / 2 ** 32;
  };
}

/** Energy of a sine in the bins around its own. */
const peak = (bin, centre) => 10 ** -((bin - centre) ** 2);

test("noise of any colour and level has one contrast, and is noise", () => {
  for (const slope of [0, -0.02, 0.02]) {
    const next = random();
    const noise = hear((bin) => -1e-6 * Math.log(next()) * 10 ** (slope * bin));
    assert.ok(noise.contrast > 1 && noise.contrast < 1.35, `${noise.contrast}`);
    assert.ok(noise.isAll(0.02, 0.2));
    assert.ok(!noise.isAll(0.5, 0.2), "peaks that agree on a tuning are pitches");
  }
});

test("a click, and nothing at all, is noise; gliding tones are not", () => {
  assert.ok(hear((bin, frame) => (frame === 30 ? bin : 0)).isAll(0, 8));
  assert.ok(hear(() => 0).isAll(0, NaN));
  const glide = hear((bin, frame) => 1e-7 + peak(bin, 80 + frame) + peak(bin, 116 + frame));
  assert.ok(glide.contrast > 1.5);
  assert.ok(!glide.isAll(0.02, 0.1));
});

test("mains hum is noise while it is steady; a steady tone is not", () => {
  for (const hz of [50, 60]) {
    const partials = [1, 2, 3, 4].map((n) => 36 * Math.log2((n * hz) / 32.07955284));
    const hum = hear((bin) =>
      partials.reduce((sum, centre, i) => sum + peak(bin, centre) / (i + 1), 1e-9),
    );
    assert.ok(hum.isAll(0.9, 0.04));
    assert.ok(!hum.isAll(0.9, 0.5), "music over hum is music");
  }
  assert.ok(!hear((bin) => 1e-9 + peak(bin, 136)).isAll(1, 0.02));
});
