/**
 * The node side of train/judge/listen.py: the library that the browser runs, from samples to notes.
 * Reads a request from standard input and answers with one line of JSON for each piece, in order.
 *
 * Request: { models: folder, model, cache: folder, options: those of `transcribe`,
 *            engine: whether the engine runs, which is quicker and remembers nothing,
 *            pieces: [{ samples: path of float32 bytes, rateHz }] }
 * Answer:  { notes: [{ start, end, pitch, velocity, timbre }], timbres, tuningCents, noise, beats, bars,
 *            perhaps, features: those that `dropOvertones` judges by, if options.describe is set,
 *            places: [[start frame, end frame, pitch]] and sounds: what `hearTimbres` judges by, as
 *            float32 in base64, if options.describeSounds is set }
 *
 * Results of the network's first stages are kept in `cache`, under a hash of file and inputs, so
 * that only changed ones are computed again.
 */

import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";

import * as runtime from "../../web/node_modules/onnxruntime-web/dist/ort.node.min.mjs";
import { EngineStages } from "../../web/lib/engine/stages.js";
import { Listener } from "../../web/lib/audio/audio.js";
import { findEngine, findStages, thresholdsOf } from "../../web/lib/manifest.js";
import { findBars } from "../../web/lib/notes/bars.js";
import { trackBeats } from "../../web/lib/notes/beats.js";
import { checkThresholds } from "../../web/lib/notes/notes.js";
import { describeNotes } from "../../web/lib/notes/overtones.js";
import { Stages } from "../../web/lib/stream/stages.js";
import { Transcript } from "../../web/lib/stream/transcript.js";
import { Sounds } from "../../web/lib/timbres/sound.js";

runtime.env.wasm.numThreads = 1;
runtime.env.logLevel = "error";

/** Outputs of the other stages would fill a disk. */
const KEPT = ["energy", "onset"];

/** Sessions that remember earlier results. */
class RememberingEngine {
  /** @param {string} folder */
  constructor(folder) {
    this._folder = folder;
    mkdirSync(folder, { recursive: true });
  }

  /** @param {Uint8Array} model */
  async open(model) {
    /** @type {any} */
    let session = null;
    const start = async () =>
      (session ??= await runtime.InferenceSession.create(model, { executionProviders: ["wasm"] }));
    return {
      runtime,
      session: {
        run: (/** @type {any} */ feeds) => this._recall(model, feeds, start),
        release: async () => session?.release(),
      },
    };
  }

  /**
   * @param {Uint8Array} model
   * @param {Record<string, {data: Float32Array, dims: readonly number[]}>} feeds
   * @param {() => Promise<any>} start
   */
  async _recall(model, feeds, start) {
    const hash = createHash("sha256").update(model);
    for (const { data } of Object.values(feeds)) {
      hash.update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    }
    const path = join(this._folder, hash.digest("hex"));
    if (existsSync(path)) return unpack(readFileSync(path));
    const outputs = await (await start()).run(feeds);
    if (KEPT.some((name) => name in outputs)) {
      const own = `${path}.${process.pid}`; // another process may write the same
      writeFileSync(own, pack(outputs));
      renameSync(own, path);
    }
    return outputs;
  }
}

/** @param {Record<string, {data: Float32Array, dims: readonly number[]}>} outputs */
function pack(outputs) {
  const heads = Object.entries(outputs).map(([name, { dims }]) => ({ name, dims }));
  const parts = Object.values(outputs).map(({ data }) => Buffer.from(data.slice().buffer));
  return Buffer.concat([Buffer.from(`${JSON.stringify(heads)}\n`), ...parts]);
}

/** @param {Buffer} bytes */
function unpack(bytes) {
  let at = bytes.indexOf("\n") + 1;
  /** @type {Record<string, {data: Float32Array, dims: number[]}>} */
  const outputs = {};
  for (const { name, dims } of JSON.parse(bytes.subarray(0, at).toString())) {
    const size = 4 * dims.reduce((/** @type {number} */ a, /** @type {number} */ b) => a * b, 1);
    const data = new Float32Array(Uint8Array.prototype.slice.call(bytes, at, at + size).buffer);
    outputs[name] = { data, dims };
    at += size;
  }
  return outputs;
}

/** @param {string} path @param {number} rateHz */
function sourceOf(path, rateHz) {
  const bytes = Uint8Array.prototype.slice.call(readFileSync(path));
  const samples = new Float32Array(bytes.buffer);
  const read = async (/** @type {number} */ from, /** @type {number} */ to) =>
    samples.slice(from, to);
  return { length: samples.length, rateHz, read };
}

async function openEngine() {
  const found = findEngine(manifest, model, { simd: true, relaxed: false });
  if (typeof found === "string") throw new Error(found);
  const read = (/** @type {{path: string}} */ { path }) => readFileSync(resolve(models, path));
  const module = await WebAssembly.compile(read(found.module));
  return EngineStages.open(module, new Uint8Array(read(found.weights)), files, { workers: 1 });
}

/**
 * @param {import("../../web/lib/notes/notes.js").FrameNote[]} notes
 * @param {import("../../web/lib/timbres/levels.js").Levels | null} levels
 */
function packSounds(notes, levels) {
  const sounds = levels && new Sounds(notes, levels);
  const told = sounds ? notes.map((note) => Buffer.from(sounds.describe(note).buffer)) : [];
  const places = notes.map(({ startFrame, endFrame, pitch }) => [startFrame, endFrame, pitch]);
  return { places, sounds: Buffer.concat(told).toString("base64") };
}

const { models, model, cache, options, engine = false, pieces } = JSON.parse(readFileSync(0, "utf8"));
const manifest = JSON.parse(readFileSync(resolve(models, "manifest.json"), "utf8"));
const files = findStages(manifest, model);
const contents = new Map(files.map(({ stage, path }) => [stage, readFileSync(resolve(models, path))]));
const stages = engine
  ? await openEngine()
  : new Stages(/** @type {any} */ (new RememberingEngine(cache)), files, contents);
const thresholds = checkThresholds({ ...thresholdsOf(files[0]), ...options.thresholds });
const { timbres = 1, keepOvertones = false, tuning = "auto" } = options;
const { describe = false, describeSounds = false } = options;

for (const { samples, rateHz } of pieces) {
  const listener = await Listener.of(sourceOf(samples, rateHz), files[0].rate_hz);
  const transcript = new Transcript(stages, listener);
  const onProgress = async () => {};
  const onNotes = () => {};
  await transcript.listen({ thresholds, keepOvertones, timbres, tuning, onProgress, onNotes });
  const { secondsPerFrame } = transcript;
  const { notes, labels, count, perhaps } = await transcript.makeNotes({
    thresholds,
    keepOvertones,
    timbres,
    onProgress,
  });
  const { onset, frame, frames } = transcript.activations;
  const features = describe ? [...describeNotes(notes, onset, frame, frames)] : [];
  const timed = notes.map(({ startFrame, endFrame, pitch, velocity }, i) => ({
    start: startFrame * secondsPerFrame,
    end: endFrame * secondsPerFrame,
    pitch,
    velocity,
    timbre: labels[i],
  }));
  const { isNoise: noise } = transcript;
  const { times: beats } = trackBeats(timed);
  const { meter, first } = findBars(timed, beats);
  const bars = beats.filter((_, i) => i % meter === first);
  const sounds = describeSounds ? packSounds(notes, transcript.levels) : {};
  const told = { notes: timed, timbres: count, perhaps, noise, beats, bars, features, ...sounds };
  console.log(JSON.stringify({ ...told, tuningCents: listener.cents }));
}
