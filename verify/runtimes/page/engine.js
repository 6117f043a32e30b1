/** The browser's side of verify/runtimes/engine.py: the library's engine, a stage at a time. */

import { fetchBytes, receive, send } from "./wire.js";

/** @typedef {import("./wire.js").Wire} Wire */
/** @typedef {typeof import("../../../web/lib/engine/module.js")} Library */

/** @type {Library} */
let library;
/** @type {import("../../../web/lib/engine/module.js").EngineModule} */
let engine;
let stage = "";
/** The hash of what `engine` was opened with. */
let opened = "";

/**
 * @param {{ script: string }} options path of the library's lib/engine/module.js
 * @returns {Promise<Record<string, string>>}
 */
async function start({ script }) {
  library = await import(script);
  return {};
}

/**
 * Make a stage the one that runs.
 * @param {string} hash of module and weights together
 * @param {string} modulePath of the module's bytes, which are read unless it is open
 * @param {string} weightsPath
 * @param {string} name
 */
async function load(hash, modulePath, weightsPath, name) {
  if (hash !== opened) {
    const [code, weights] = await Promise.all([fetchBytes(modulePath), fetchBytes(weightsPath)]);
    const module = await WebAssembly.compile(code);
    engine = await library.EngineModule.open(module, new Uint8Array(weights));
    opened = hash;
  }
  stage = name;
}

/**
 * @param {Wire[]} inputs
 * @param {string} path of the inputs' bytes
 * @param {string} target where the outputs' bytes go
 * @param {Record<string, number[]>} shapes of the outputs, without their frames
 * @returns {Promise<Wire[]>} the outputs
 */
async function run(inputs, path, target, shapes) {
  const tensors = await receive(inputs, path);
  const outputs = engine.run(stage, Object.fromEntries(tensors.map((one) => [one.name, one.values])));
  const found = Object.entries(outputs).map(([name, values]) => {
    const rows = shapes[name].reduce((product, size) => product * size, 1);
    return { name, dtype: "float32", shape: [...shapes[name], values.length / rows], values };
  });
  return send(found, target);
}

Object.assign(globalThis, { runtime: Object.freeze({ start, load, run }) });
