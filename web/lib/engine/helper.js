/** A worker that runs stages of the engine for whom it has a port of. */

import { messageOf, TranscriptionError } from "../errors.js";
import { EngineModule } from "./module.js";

/** @typedef {{module: WebAssembly.Module, weights: Uint8Array}} Parts a model on the engine */
/** @typedef {{id: number, stage: string, inputs: import("./module.js").Values}} StageRequest */

self.onmessage = (/** @type {MessageEvent<Parts & {port: MessagePort}>} */ { data }) => {
  const { module, weights, port } = data;
  const opened = EngineModule.open(module, weights);
  opened.catch(() => {}); // a failure is reported when a stage runs
  port.onmessage = ({ data: request }) => answer(port, opened, request);
};
self.postMessage("listening");

/** @param {MessagePort} port @param {Promise<EngineModule>} opened @param {StageRequest} request */
async function answer(port, opened, { id, stage, inputs }) {
  try {
    const outputs = (await opened).run(stage, inputs);
    port.postMessage({ id, outputs }, { transfer: Object.values(outputs).map((x) => x.buffer) });
  } catch (error) {
    const code = error instanceof TranscriptionError ? error.code : "model";
    port.postMessage({ id, error: { code, message: messageOf(error) } });
  }
}
