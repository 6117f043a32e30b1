/** The browser's side of verify/runtimes/engine.py: the library's engine, a stage at a time. */

import { streamAudio } from "./stream.js";
import { fetchBytes, receive, send } from "./wire.js";

/** @typedef {import("./wire.js").Wire} Wire */
/** @typedef {typeof import("../../../web/lib/engine/module.js")} Library */

/** @type {Library} */
let library;
/** @type {import("../../../web/lib/engine/module.js").EngineModule} */
let engine;
let stage = "";
/** The hash of the module and weights of `engine`. */
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
 * Make a stage the current one.
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

/** @type {import("../../../web/lib/engine/stages.js").EngineStages | undefined} */
let stages;
/** @type {import("../../../web/lib/engine/helpers.js").Helpers | undefined} */
let helpers;
/** The hash of what `stages` were opened with. */
let streaming = "";

/**
 * Run the library's stream on the engine, with as many workers as the library takes.
 *
 * @param {string} library path of web/lib
 * @param {import("../../../web/lib/manifest.js").StageFile[]} files
 * @param {{ hash: string, module: string, weights: string }} parts hash of both, and their paths
 * @param {string} audio
 * @param {number} chunkFrames
 * @param {string} target
 * @returns {Promise<Wire[]>} the outputs
 */
async function stream(library, files, parts, audio, chunkFrames, target) {
  if (!stages || parts.hash !== streaming) {
    helpers?.close();
    /** @type {typeof import("../../../web/lib/engine/stages.js")} */
    const { EngineStages } = await import(`${library}engine/stages.js`);
    /** @type {typeof import("../../../web/lib/engine/helpers.js")} */
    const { Helpers } = await import(`${library}engine/helpers.js`);
    const started = new Helpers();
    const [code, weights] = await Promise.all([fetchBytes(parts.module), fetchBytes(parts.weights)]);
    const module = await WebAssembly.compile(code);
    helpers = started;
    stages = await EngineStages.open(module, new Uint8Array(weights), files, {
      startHelpers: (...wanted) => started.start(...wanted),
    });
    streaming = parts.hash;
  }
  await stages.prepareFor(3 * chunkFrames);
  return streamAudio(library, stages, audio, chunkFrames, target);
}

Object.assign(globalThis, { runtime: Object.freeze({ start, load, run, stream }) });
