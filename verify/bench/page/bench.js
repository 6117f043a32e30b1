/**
 * The browser's side of verify/bench/stopwatch.py: several sessions beside each other, run in turns.
 *
 * @typedef {import("onnxruntime-web").InferenceSession} Session
 */

import { runWhole } from "./engine.js";
import { createSession, ort, start } from "../../runtimes/page/run.js";
import { fetchBytes } from "../../runtimes/page/wire.js";

/** @type {Record<string, Session>} */
const sessions = {};
/** @type {Record<string, {engine: import("../../../web/lib/engine/module.js").EngineModule, separate: boolean}>} */
const engines = {};

/** @param {() => Promise<unknown>} work @returns {Promise<number>} seconds that it took */
async function time(work) {
  const begin = performance.now();
  await work();
  return (performance.now() - begin) / 1000;
}

/**
 * @param {string} key
 * @param {string} path of the model's bytes
 * @returns {Promise<number>} seconds that the session took, without the download
 */
async function load(key, path) {
  const model = await fetchBytes(path);
  await sessions[key]?.release();
  return time(async () => (sessions[key] = (await createSession(model)).session));
}

/**
 * Open the engine under a name.
 *
 * @param {string} key
 * @param {string} modulePath
 * @param {string} weightsPath
 * @param {boolean} separate whether there are embeddings to make
 * @returns {Promise<number>} seconds that it took, without the download
 */
async function loadEngine(key, modulePath, weightsPath, separate) {
  const path = "../../lib/engine/module.js"; // served beside this page where it is measured
  const { EngineModule } = await import(path);
  const [code, weights] = await Promise.all([fetchBytes(modulePath), fetchBytes(weightsPath)]);
  return time(async () => {
    const engine = await EngineModule.open(await WebAssembly.compile(code), new Uint8Array(weights));
    engines[key] = { engine, separate };
  });
}

/** By their sum, since this counts as time of the run. @param {string} key @param {Float32Array} values */
function checkFinite(key, values) {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i];
  if (!Number.isFinite(sum)) throw new Error(`${key}: an output is not finite`);
}

/** @param {string} key @param {Float32Array<ArrayBuffer>} audio @returns {Promise<number>} seconds */
async function runEngine(key, audio) {
  const { engine, separate } = engines[key];
  /** @type {import("../../../web/lib/engine/module.js").Values} */
  let outputs = {};
  const seconds = await time(async () => (outputs = runWhole(engine, audio, separate)));
  for (const values of Object.values(outputs)) {
    checkFinite(key, values);
  }
  return seconds;
}

/**
 * Run a session once, on music that is made here: decaying tones and a little noise.
 *
 * @param {string} key
 * @param {number} length in samples
 * @returns {Promise<number>} seconds
 */
async function run(key, length) {
  if (engines[key]) return runEngine(key, compose(length));
  const session = sessions[key];
  const audio = new ort.Tensor("float32", compose(length), [1, 1, length]);
  /** @type {import("onnxruntime-web").InferenceSession.ReturnType} */
  let outputs = {};
  const seconds = await time(async () => (outputs = await session.run({ [session.inputNames[0]]: audio })));
  for (const output of Object.values(outputs)) {
    const values = /** @type {Float32Array} */ (await output.getData());
    checkFinite(key, values);
    output.dispose();
  }
  return seconds;
}

/** @type {Record<string, Float32Array>} outputs of a session's first run, by its key and theirs */
const first = {};

/**
 * Run a session again and again on the same music.
 *
 * @param {string} key
 * @param {number} length in samples
 * @param {number} count
 * @returns {Promise<number>} how many runs gave other outputs than the first ever, bit for bit
 */
async function repeat(key, length, count) {
  const session = sessions[key];
  const audio = new ort.Tensor("float32", compose(length), [1, 1, length]);
  let different = 0;
  for (let n = 0; n < count; n++) {
    const outputs = await session.run({ [session.inputNames[0]]: audio });
    let equal = true;
    for (const [name, output] of Object.entries(outputs)) {
      const values = /** @type {Float32Array} */ (await output.getData());
      const expected = (first[`${key} ${name}`] ??= values.slice());
      equal &&= values.length === expected.length && values.every((value, i) => value === expected[i]);
      output.dispose();
    }
    if (!equal) different++;
  }
  return different;
}

/**
 * Transcribe the same music with the library, one thread: stages over chunks, notes and timbres.
 *
 * @param {string} model
 * @param {number} length in samples
 * @param {"engine" | "wasm" | "webgpu"} backend
 * @returns {Promise<number>} seconds
 */
async function transcribe(model, length, backend) {
  const path = "../../lib/transcribe.js"; // served beside this page where it is measured
  const { transcribe: make } = await import(path);
  return time(async () => {
    const notes = await make(
      { samples: compose(length), rateHz: 44_100 },
      {
        model,
        models: new URL("../../models/", location.href).href,
        runtime: new URL("../../ort/", location.href).href,
        threads: 1,
        backend,
        timbres: model === "septimbre" ? 3 : 1,
      },
    );
    if (notes.length === 0) throw new Error("no notes were found: nothing was measured");
  });
}

/**
 * Open the other transcriber (verify/bench/peer), which the stopwatch serves at peer/.
 *
 * @param {string} backend
 * @returns {Promise<number>} seconds
 */
async function openPeer(backend) {
  const path = "../../peer/peer.js";
  return time(async () => {
    const { open } = await import(path);
    const wasm = new URL("../../peer-wasm/", location.href).href;
    await open(backend, "../../peer-model/model.json", wasm);
  });
}

/**
 * Run it on the same music, at the rate that it takes.
 *
 * @param {number} length in samples at 44 100 Hz
 * @returns {Promise<number>} seconds
 */
async function runPeer(length) {
  const path = "../../peer/peer.js";
  const { run: runOther } = await import(path);
  const audio = compose(length);
  const halved = Float32Array.from({ length: length >> 1 }, (_, n) => (audio[2 * n] + audio[2 * n + 1]) / 2);
  return time(async () => {
    const frames = await runOther(halved);
    if (frames < length / 44_100) throw new Error(`it gave ${frames} frames`);
  });
}

/** @type {Map<number, Float32Array<ArrayBuffer>>} */
const composed = new Map();

/** @param {number} length in samples @returns {Float32Array<ArrayBuffer>} */
function compose(length) {
  let audio = composed.get(length);
  if (!audio) {
    audio = new Float32Array(length);
    let state = 1;
    for (let n = 0; n < length; n++) {
      const note = Math.floor(n / 11_025);
      const hertz = 220 * 2 ** (((note * 7) % 24) / 12);
      state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
      const noise = state / 2 ** 32 - 0.5;
      const decay = Math.exp(-(n % 11_025) / 4_000);
      audio[n] = 0.4 * decay * Math.sin((2 * Math.PI * hertz * n) / 44_100) + 0.001 * noise;
    }
    composed.set(length, audio);
  }
  return audio;
}

Object.assign(globalThis, {
  runtime: Object.freeze({
    start,
    load,
    loadEngine,
    run,
    repeat,
    transcribe,
    openPeer,
    runPeer,
    compose: (/** @type {number} */ length) => compose(length).length,
  }),
});
