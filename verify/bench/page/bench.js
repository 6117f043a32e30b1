/**
 * The browser's side of verify/bench/stopwatch.py: several sessions beside each other, run in turns.
 *
 * @typedef {typeof import("onnxruntime-web")} Ort
 * @typedef {import("onnxruntime-web").InferenceSession} Session
 */

/** @type {Ort} */
let ort;
/** @type {Record<string, Session>} */
const sessions = {};
/** @type {WebAssembly.Memory[]} */
const memories = [];

// A heap of WebAssembly never shrinks: its size at the end is its peak.
for (const name of /** @type {const} */ (["instantiate", "instantiateStreaming"])) {
  const original = /** @type {(...parts: unknown[]) => Promise<any>} */ (WebAssembly[name]);
  Object.assign(WebAssembly, {
    [name]: async (/** @type {unknown} */ source, /** @type {unknown} */ imports) => {
      const made = await original(source, imports);
      const { exports } = made.instance ?? made;
      for (const part of Object.values(exports)) {
        if (part instanceof WebAssembly.Memory) memories.push(part);
      }
      return made;
    },
  });
}
WebAssembly.Memory = new Proxy(WebAssembly.Memory, {
  construct(target, parts) {
    const memory = Reflect.construct(target, parts);
    memories.push(memory);
    return memory;
  },
});

/**
 * @param {{ script: string, wasmPaths: string, threads: number }} options
 */
async function start(options) {
  if (options.script.endsWith(".mjs")) {
    ort = await import(options.script);
  } else {
    const element = document.createElement("script");
    element.src = options.script;
    await new Promise((resolve, reject) => {
      element.onload = resolve;
      element.onerror = reject;
      document.head.append(element);
    });
    ort = /** @type {{ ort: Ort }} */ (/** @type {unknown} */ (globalThis)).ort;
  }
  ort.env.wasm.wasmPaths = new URL(options.wasmPaths, location.href).href;
  ort.env.wasm.numThreads = options.threads;
  ort.env.logLevel = "error";
}

/**
 * @param {string} key
 * @param {string} path of the model's bytes
 * @param {"wasm" | "webgpu"} backend
 * @returns {Promise<number>} seconds that the session took, without the download
 */
async function load(key, path, backend) {
  const model = new Uint8Array(await (await fetch(path)).arrayBuffer());
  await sessions[key]?.release();
  const begin = performance.now();
  sessions[key] = await ort.InferenceSession.create(model, { executionProviders: [backend] });
  return (performance.now() - begin) / 1000;
}

/**
 * Run a session once, on music that is made here: decaying tones and a little noise.
 *
 * @param {string} key
 * @param {number[]} shape of the only input, the number of samples last
 * @returns {Promise<number>} seconds
 */
async function run(key, shape) {
  const session = sessions[key];
  const audio = new ort.Tensor("float32", compose(shape.reduce((a, b) => a * b)), shape);
  const begin = performance.now();
  const outputs = await session.run({ [session.inputNames[0]]: audio });
  const seconds = (performance.now() - begin) / 1000;
  for (const output of Object.values(outputs)) {
    const values = /** @type {Float32Array} */ (await output.getData());
    if (!values.every(Number.isFinite)) throw new Error(`${key}: an output is not a number`);
    output.dispose();
  }
  return seconds;
}

/**
 * Transcribe the same music with the library, one thread: stages over chunks, notes and timbres.
 *
 * @param {string} model
 * @param {number} length in samples
 * @returns {Promise<number>} seconds
 */
async function transcribe(model, length) {
  const path = "/lib/transcribe.js"; // served beside this page where it is measured
  const { transcribe: make } = await import(path);
  const begin = performance.now();
  const notes = await make(
    { samples: compose(length), rateHz: 44_100 },
    {
      model,
      models: "/models/",
      runtime: "/ort/",
      threads: 1,
      timbres: model === "septimbre" ? 3 : 1,
    },
  );
  if (notes.length === 0) throw new Error("no note was found: nothing was measured");
  return (performance.now() - begin) / 1000;
}

/**
 * Open the other transcriber (verify/peer), which the stopwatch serves at /peer/.
 *
 * @param {string} backend
 * @returns {Promise<number>} seconds
 */
async function openPeer(backend) {
  const path = "/peer/peer.js";
  const begin = performance.now();
  const { open } = await import(path);
  await open(backend, "/peer-model/model.json", "/peer-wasm/");
  return (performance.now() - begin) / 1000;
}

/**
 * Run it on the same music, at the rate that it takes.
 *
 * @param {number} length in samples at 44 100 Hz
 * @returns {Promise<number>} seconds
 */
async function runPeer(length) {
  const path = "/peer/peer.js";
  const { run: runOther } = await import(path);
  const audio = compose(length);
  const halved = Float32Array.from({ length: length >> 1 }, (_, n) => (audio[2 * n] + audio[2 * n + 1]) / 2);
  const begin = performance.now();
  const frames = await runOther(halved);
  if (frames < length / 44_100) throw new Error(`it gave ${frames} frames`);
  return (performance.now() - begin) / 1000;
}

/** @type {Map<number, Float32Array>} */
const composed = new Map();

/** @param {number} length in samples @returns {Float32Array} */
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

/** @returns {number} bytes of the largest heap of WebAssembly */
function heap() {
  return memories.reduce((bytes, memory) => Math.max(bytes, memory.buffer.byteLength), 0);
}

Object.assign(globalThis, { stopwatch: Object.freeze({
    start,
    load,
    run,
    transcribe,
    openPeer,
    runPeer,
    compose: (/** @type {number} */ length) => compose(length).length,
    heap,
  }) });
