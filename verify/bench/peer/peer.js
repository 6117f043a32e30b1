/** `@spotify/basic-pitch` as its users run it: a buffer at 22 050 Hz to activations. */

import { BasicPitch } from "@spotify/basic-pitch";
import * as tf from "@tensorflow/tfjs";
import { setThreadsCount, setWasmPaths } from "@tensorflow/tfjs-backend-wasm";

/** @type {BasicPitch | undefined} */
let network;

/**
 * @param {string} backend of TensorFlow.js: "wasm", "cpu" or "webgl"
 * @param {string} model URL of its model.json
 * @param {string} wasm URL of the folder with TensorFlow.js's WebAssembly, ending in a slash
 */
export async function open(backend, model, wasm) {
  setWasmPaths(wasm);
  setThreadsCount(1);
  if (!(await tf.setBackend(backend))) throw new Error(`TensorFlow.js cannot use ${backend}`);
  network = new BasicPitch(model);
  await network.model;
}

/**
 * @param {Float32Array} samples at 22 050 Hz
 * @returns {Promise<number>} frames of activation
 */
export async function run(samples) {
  if (!network) throw new Error("nothing is open");
  let frames = 0;
  tf.engine().startScope(); // its tensors are never disposed of otherwise
  await network.evaluateModel(
    samples,
    (heard) => {
      if (!heard.flat().every(Number.isFinite)) throw new Error("a frame is not finite");
      frames += heard.length;
    },
    () => {},
  );
  tf.engine().endScope();
  return frames;
}
