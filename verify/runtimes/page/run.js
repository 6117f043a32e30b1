/**
 * The browser's side of verify/runtimes: start onnxruntime-web, load a model, run it.
 *
 * @typedef {import("onnxruntime-web").InferenceSession} Session
 * @typedef {object} Options
 * @property {string} script path of onnxruntime-web
 * @property {string} wasmPaths path of the folder of its wasm files
 * @property {"wasm" | "webgpu"} backend
 * @property {number} threads
 */

import { streamAudio } from "./stream.js";
import { fetchBytes, receive, send } from "./wire.js";

/** @typedef {import("./wire.js").Wire} Wire */

/** Sessions that stay open, as a stream goes back to each of its stages for every signal. */
const MOST_SESSIONS = 8;
/** Bytes of a file whose session stays open. */
const SMALL = 1_000_000;
const CPU = "CPUExecutionProvider";

/** @type {typeof import("onnxruntime-web")} */
export let ort;
/** @type {Options} */
let options;
/** @type {Map<string, { session: Session, nodes: string }>} by the hash of their file */
const sessions = new Map();
/** @type {Session | undefined} */
let session;
/** @type {string[]} what was written to the console, on WebGPU */
const log = [];

/**
 * @param {Options} given
 * @returns {Promise<Record<string, string>>} the version that onnxruntime-web says it has, and the
 *   adapter of WebGPU, if that is the backend
 * @throws {Error} if the page lacks the requested threads, WebGPU or script
 */
export async function start(given) {
  options = given;
  // WebKit can be isolated and still lack SharedArrayBuffer.
  if (options.threads > 1 && !(globalThis.crossOriginIsolated && "SharedArrayBuffer" in globalThis)) {
    throw new Error("no threads: the page is not cross-origin isolated, or has no SharedArrayBuffer");
  }
  /** @type {Record<string, string>} */
  const about = {};
  if (options.backend === "webgpu") {
    const adapter = await Reflect.get(navigator, "gpu")?.requestAdapter();
    if (!adapter) throw new Error("WebGPU has no adapter here");
    const { vendor, architecture, description } = adapter.info ?? {};
    about.adapter = [vendor, architecture, description].filter(Boolean).join(" ") || "unnamed";
    // Only onnxruntime's log says where a node runs; it keeps the console's functions for itself.
    const collect = (/** @type {unknown[]} */ ...parts) => void log.push(parts.join(" "));
    Object.assign(console, { log: collect, info: collect, warn: collect, error: collect });
  }
  if (options.script.endsWith(".mjs")) {
    ort = await import(options.script);
  } else {
    await loadScript(options.script);
    ort = Reflect.get(globalThis, "ort");
  }
  ort.env.wasm.wasmPaths = new URL(options.wasmPaths, location.href).href;
  ort.env.wasm.numThreads = options.threads;
  ort.env.logLevel = "error";
  about["onnxruntime-web"] = ort.env.versions.web ?? ort.env.versions.common;
  return about;
}

/** @param {string} script path of a classic script */
function loadScript(script) {
  return new Promise((resolve, reject) => {
    const element = document.createElement("script");
    element.src = script;
    element.onload = resolve;
    element.onerror = () => reject(new Error(`cannot load ${script}`));
    document.head.append(element);
  });
}

/**
 * @param {ArrayBuffer} model
 * @param {{ path: string, data: Uint8Array }[]} [externalData] weights outside, by the model's names
 * @returns {Promise<{ session: Session, nodes: string }>} nodes: on WebGPU, how many run where
 * @throws {Error} if it would run otherwise than it was asked to: fewer threads, on the CPU
 */
export async function createSession(model, externalData = []) {
  const { backend, threads } = options;
  const outside = externalData.length ? { externalData } : {};
  const create = (/** @type {ArrayBuffer} */ bytes, /** @type {object} */ given) =>
    ort.InferenceSession.create(bytes, { ...given, ...outside });
  if (backend === "webgpu") {
    log.length = 0;
    const made = await create(model, { executionProviders: [backend], logSeverityLevel: 0 });
    return { session: made, nodes: checkPlacement(log) };
  }
  const made = await create(model, { executionProviders: [backend] });
  const { numThreads } = ort.env.wasm; // onnxruntime-web lowers it if it finds no threads
  if (numThreads !== threads) throw new Error(`${numThreads} threads, not ${threads}`);
  return { session: made, nodes: "" };
}

/**
 * @param {string[]} lines of onnxruntime's log
 * @returns {string} how many nodes each provider runs
 * @throws {Error} if a convolution runs on the CPU, or everything does
 */
function checkPlacement(lines) {
  /** @type {Record<string, number>} */
  const counts = {};
  let provider = "";
  for (const line of lines) {
    const head = line.match(/placed on \[(\w+)\]\. Number of nodes: (\d+)/);
    if (head) {
      provider = head[1];
      counts[provider] = Number(head[2]);
    }
    const node = line.match(/VerifyEachNodeIsAssignedToAnEp\]\s+(\w+) \((.*)\)/);
    if (node?.[1].includes("Conv") && provider === CPU) throw new Error(`${node[2]} is not on the GPU`);
  }
  const nodes = Object.entries(counts).map(([name, count]) => `${count} on ${name}`).join(", ");
  if (Object.keys(counts).every((name) => name === CPU)) {
    throw new Error(`no node is on the GPU: ${nodes || "the log does not say"}`);
  }
  return nodes;
}

/**
 * Make a session the current one.
 *
 * @param {string} hash of its file
 * @param {string} path of its file's bytes, which are read unless its session is still open
 * @param {{ path: string, data: string }[]} [outside] weights: the model's name, where they are read
 * @returns {Promise<string>} on WebGPU, how many nodes run where
 */
async function load(hash, path, outside = []) {
  const open = sessions.get(hash);
  session = open?.session;
  if (open) return open.nodes;
  const model = await fetchBytes(path);
  if (model.byteLength > SMALL || outside.length || sessions.size === MOST_SESSIONS) await closeSessions();
  const weights = [];
  for (const one of outside) weights.push({ path: one.path, data: new Uint8Array(await fetchBytes(one.data)) });
  const made = await createSession(model, weights).catch((error) => {
    // 1.18.0's scripts call a function that only its WebGPU build has.
    if (!outside.length || !(error instanceof TypeError)) throw error;
    throw new Error(`weights outside the file are not supported: ${error.message}`);
  });
  sessions.set(hash, made);
  session = made.session;
  return made.nodes;
}

async function closeSessions() {
  for (const other of sessions.values()) await other.session.release();
  sessions.clear();
}

/**
 * @param {Wire[]} inputs
 * @param {string} path of the inputs' bytes
 * @param {string} target where the outputs' bytes go
 * @returns {Promise<Wire[]>} the outputs
 * @throws {Error} if no model is loaded, or it does not run
 */
async function run(inputs, path, target) {
  if (!session) throw new Error("no model is loaded");
  /** @type {Record<string, import("onnxruntime-web").Tensor>} */
  const feeds = {};
  for (const { name, dtype, shape, values } of await receive(inputs, path)) {
    feeds[name] = new ort.Tensor(/** @type {any} */ (dtype), values, shape);
  }
  for (const name of session.inputNames) {
    if (name in feeds) continue;
    if (inputs.some((one) => one.name.startsWith(`${name}[`))) {
      throw new Error(`onnxruntime-web has no way to feed ${name}, which is no tensor`);
    }
  }
  const outputs = await session.run(feeds, { logSeverityLevel: 3 });
  const tensors = session.outputNames.map((name) => {
    const { data: values, type, dims } = outputs[name];
    return { name, dtype: type, shape: dims, values };
  });
  const wires = await send(tensors, target);
  for (const name of session.outputNames) outputs[name].dispose();
  return wires;
}

/**
 * Run the library's stream, each stage on the session of its file.
 *
 * @param {string} library path of web/lib
 * @param {import("../../../web/lib/manifest.js").StageFile[]} files
 * @param {{ hash: string, path: string }[]} parts of each stage's file
 * @param {string} audio
 * @param {number} chunkFrames
 * @param {string} target
 * @returns {Promise<Wire[]>} the outputs
 */
async function stream(library, files, parts, audio, chunkFrames, target) {
  if (sessions.size + files.length > MOST_SESSIONS) await closeSessions();
  /** @type {Map<Uint8Array, Session>} */
  const opened = new Map();
  const contents = new Map();
  for (const [i, { stage }] of files.entries()) {
    await load(parts[i].hash, parts[i].path);
    const content = new Uint8Array(0); // the library opens a file by its bytes: these stand for it
    opened.set(content, /** @type {Session} */ (session));
    contents.set(stage, content);
  }
  const open = async (/** @type {Uint8Array} */ content) => {
    const found = /** @type {Session} */ (opened.get(content));
    return { runtime: ort, session: { run: found.run.bind(found), release: async () => {} } };
  };
  /** @type {typeof import("../../../web/lib/stream/stages.js")} */
  const { Stages } = await import(`${library}stream/stages.js`);
  const stages = new Stages(/** @type {any} */ ({ open }), files, contents);
  return streamAudio(library, stages, audio, chunkFrames, target);
}

Object.assign(globalThis, { runtime: Object.freeze({ start, load, run, stream }) });
