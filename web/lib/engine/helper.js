/** A worker that runs stages of the engine for the library's own worker. */

import { messageOf, TranscriptionError } from "../errors.js";
import { EngineModule } from "./module.js";

/** @typedef {{module: WebAssembly.Module, weights: Uint8Array}} OpenRequest */
/** @typedef {{id: number, stage: string, inputs: import("./module.js").Values}} StageRequest */

/** @type {Promise<EngineModule> | null} */
let engine = null;

self.onmessage = async (/** @type {MessageEvent<OpenRequest | StageRequest>} */ { data }) => {
  if ("module" in data) {
    engine = EngineModule.open(data.module, data.weights);
    engine.catch(() => {}); // a failure is reported when a stage runs
    return;
  }
  const { id, stage, inputs } = data;
  try {
    if (!engine) throw new TranscriptionError("runtime", "the engine has not been opened");
    const outputs = (await engine).run(stage, inputs);
    self.postMessage({ id, outputs }, { transfer: Object.values(outputs).map((x) => x.buffer) });
  } catch (error) {
    const code = error instanceof TranscriptionError ? error.code : "model";
    self.postMessage({ id, error: { code, message: messageOf(error) } });
  }
};
