/** A script of its own, loaded where the engine does not start: the stages on onnxruntime-web. */

import { Stages } from "../lib/stream/stages.js";

/**
 * @param {typeof import("onnxruntime-web")} runtime the app's
 * @param {import("../lib/manifest.js").StageFile[]} files
 * @param {Uint8Array[]} contents of them
 */
function makeStages(runtime, files, contents) {
  const open = async (/** @type {Uint8Array} */ model) => ({
    runtime,
    session: await runtime.InferenceSession.create(model, { executionProviders: ["wasm"] }),
  });
  return new Stages({ open }, files, new Map(files.map(({ stage }, i) => [stage, contents[i]])));
}

Object.assign(globalThis, { makeStages });
