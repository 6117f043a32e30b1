/**
 * The browser's side of verify/browser.py: start onnxruntime-web, load a model, run it.
 * Tensors come and go as bytes over HTTP, never as JSON numbers.
 *
 * @typedef {{ name: string, dtype: string, shape: number[], path: string }} Wire
 *   A tensor: numpy's name of the type, the shape, and the path of its bytes.
 */

/** onnxruntime's name of each type and the array that holds it, by numpy's name. */
const TYPES = Object.freeze({
  float32: ["float32", Float32Array],
  float64: ["float64", Float64Array],
  // 1.18.0 takes nothing but a Float16Array from an engine that has one; older engines have none.
  float16: ["float16", globalThis.Float16Array ?? Uint16Array],
  int64: ["int64", BigInt64Array],
  uint64: ["uint64", BigUint64Array],
  int32: ["int32", Int32Array],
  uint32: ["uint32", Uint32Array],
  int16: ["int16", Int16Array],
  uint16: ["uint16", Uint16Array],
  int8: ["int8", Int8Array],
  uint8: ["uint8", Uint8Array],
  bool: ["bool", Uint8Array],
});

let ort;
let session;
let backend;

/**
 * @param {{ script: string, wasmPaths: string, backend: "wasm" | "webgpu", threads: number }} options
 * @returns {Promise<Record<string, string>>} what runs: versions, and the adapter of WebGPU
 */
async function start(options) {
  if (options.threads > 1 && !globalThis.crossOriginIsolated) {
    throw new Error("the page is not cross-origin isolated: there are no threads");
  }
  const about = {};
  if (options.backend === "webgpu") {
    const adapter = await navigator.gpu?.requestAdapter();
    if (!adapter) throw new Error("WebGPU has no adapter here");
    const { vendor, architecture, description } = adapter.info ?? {};
    about.adapter = [vendor, architecture, description].filter(Boolean).join(" ") || "unnamed";
  }
  if (options.script.endsWith(".mjs")) {
    ort = await import(options.script);
  } else {
    await loadScript(options.script);
    ort = globalThis.ort;
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
 */
async function run(inputs, prefix) {
  const feeds = {};
  for (const { name, dtype, shape, path } of inputs) {
    const [type, Values] = TYPES[dtype];
    feeds[name] = new ort.Tensor(type, new Values(await fetchBytes(path)), shape);
  }
  const outputs = await session.run(feeds);
  return Promise.all(
    session.outputNames.map(async (name, index) => {
      const { data, type, dims } = outputs[name];
      const path = `${prefix}/${index}`;
      const body = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
      // A copy: under threads the heap is a SharedArrayBuffer, which fetch does not take.
      const answer = await fetch(path, { method: "PUT", body: body.slice() });
      if (!answer.ok) throw new Error(`PUT ${path}: ${answer.status}`);
      outputs[name].dispose?.();
      return { name, dtype: type, shape: [...dims], path };
    }),
  );
}

async function fetchBytes(path) {
  const answer = await fetch(path);
  if (!answer.ok) throw new Error(`GET ${path}: ${answer.status}`);
  return answer.arrayBuffer();
}

globalThis.runtime = Object.freeze({ start, load, run });
