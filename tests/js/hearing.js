/**
 * A recording's tuning and noise, for pytest. Argument: a file of float32 energies, 252 bins × any
 * number of frames. Prints what the library makes of them, in chunks of 50 frames.
 */

import { readFileSync } from "node:fs";

import { Noise } from "../../web/lib/stream/noise.js";
import { Tuning } from "../../web/lib/stream/tuning.js";

const energy = new Float32Array(Uint8Array.prototype.slice.call(readFileSync(process.argv[2])).buffer);
const frames = energy.length / 252;
const [tuning, noise] = [new Tuning(), new Noise()];
for (let start = 0; start < frames; start += 50) {
  const end = Math.min(frames, start + 50);
  tuning.add(energy, frames, start, end);
  noise.add(energy, frames, start, end);
}
const { cents, clarity } = tuning;
console.log(JSON.stringify({ cents, clarity, contrast: noise.contrast }));
