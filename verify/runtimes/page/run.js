/**
 * The browser's side of verify/runtimes/browser.py: start onnxruntime-web, load a model, run it.
 * Tensors come and go as bytes over HTTP, never as JSON numbers.
 *
 * @typedef {{ name: string, dtype: string, shape: number[], path: string }} Wire
 *   A tensor: numpy's name of the type, the shape, and the path of its bytes.
 * @typedef {object} Options
 * @property {string} script path of onnxruntime-web
 * @property {string} wasmPaths path of the folder of its wasm files
 * @property {"wasm" | "webgpu"} backend
 * @property {number} threads
 */

/**
 * The array that holds each type. numpy and onnxruntime call the types alike.
 * float16: 1.18.0 takes nothing but a Float16Array from an engine that has one; older engines
 * have none.
 * @type {Readonly<Record<string, new (bytes: ArrayBuffer) => any>>}
 */
const ARRAYS = Object.freeze({
  float32: Float32Array,
  float64: Float64Array,
  float16: Reflect.get(globalThis, "Float16Array") ?? Uint16Array,
  int64: BigInt64Array,
  uint64: BigUint64Array,
  int32: Int32Array,
  uint32: Uint32Array,
  int16: Int16Array,
  uint16: Uint16Array,
  int8: Int8Array,
  uint8: Uint8Array,
  bool: Uint8Array,
});

/** @type {typeof import("onnxruntime-web")} */
let ort;
/** @type {import("onnxruntime-web").InferenceSession | undefined} */
let session;
/** @type {"wasm" | "webgpu"} */
let backend;

/**
 * @param {Options} options
 * @returns {Promise<Record<string, string>>} the adapter of WebGPU, if that is the backend
 * @throws {Error} where the page lacks what was asked for: threads, WebGPU, or the script
 */
async function start(options) {
  if (options.threads > 1 && !globalThis.crossOriginIsolated) {
    throw new Error("the page is not cross-origin isolated: there are no threads");
  }
  /** @type {Record<string, string>} */
  const about = {};
  if (options.backend === "webgpu") {
    const adapter = await Reflect.get(navigator, "gpu")?.requestAdapter();
    if (!adapter) throw new Error("WebGPU has no adapter here");
    const { vendor, architecture, description } = adapter.info ?? {};
    about.adapter = [vendor, architecture, description].filter(Boolean).join(" ") || "unnamed";
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
  backend = options.backend;
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

/** @param {string} path of the model's bytes */
async function load(path) {
  const model = new Uint8Array(await fetchBytes(path));
  await session?.release();
  session = undefined;
  session = await ort.InferenceSession.create(model, { executionProviders: [backend] });
}

/**
 * @param {Wire[]} inputs
 * @param {string} prefix where the outputs' bytes go: prefix + "/" + index
 * @returns {Promise<Wire[]>}
 * @throws {Error} where no model is loaded, or it does not run
 */
async function run(inputs, prefix) {
  if (!session) throw new Error("no model is loaded");
  /** @type {Record<string, import("onnxruntime-web").Tensor>} */
  const feeds = {};
  for (const { name, dtype, shape, path } of inputs) {
    const values = new ARRAYS[dtype](await fetchBytes(path));
    feeds[name] = new ort.Tensor(/** @type {any} */ (dtype), values, shape);
  }
  const outputs = await session.run(feeds);
  return Promise.all(
    session.outputNames.map(async (name, index) => {
      const { data, type, dims } = outputs[name];
      if (typeof data === "string" || Array.isArray(data)) throw new Error(`${name} holds text`);
      const path = `${prefix}/${index}`;
      // A copy: under threads the heap is a SharedArrayBuffer, which fetch does not take.
      const body = new Uint8Array(data.buffer, data.byteOffset, data.byteLength).slice();
      const answer = await fetch(path, { method: "PUT", body });
      if (!answer.ok) throw new Error(`PUT ${path}: ${answer.status}`);
      outputs[name].dispose();
      return { name, dtype: type, shape: [...dims], path };
    }),
  );
}

/**
 * @param {string} path
 * @returns {Promise<ArrayBuffer>}
 */
async function fetchBytes(path) {
  const answer = await fetch(path);
  if (!answer.ok) throw new Error(`GET ${path}: ${answer.status}`);
  return answer.arrayBuffer();
}

Object.assign(globalThis, { runtime: Object.freeze({ start, load, run }) });
