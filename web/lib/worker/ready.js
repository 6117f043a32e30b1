/** The engine or onnxruntime-web for the stages, fetched and compiled once per worker. */

import { EngineStages } from "../engine/stages.js";
import { Stages } from "../stream/stages.js";
import { checkHash, download } from "./download.js";
import { chooseBackend, OnnxRuntime, RUNTIME_FILES } from "./session.js";

/** @typedef {import("./worker.js").Needs} Needs */

/**
 * @typedef {object} Ready
 * @property {(frames: number) => Promise<import("../stream/stages.js").StageRunner>} open the
 *   stages, for a recording of this number of frames
 * @property {() => Promise<void>} compile ahead of the first run
 * @property {() => Pick<import("./worker.js").RunFacts, "backend" | "relaxed" | "threads" | "fallback" | "stalled">} facts
 */

/**
 * Fetch and compile what a run needs; onnxruntime-web only if the engine cannot run.
 * @param {Needs} needs
 * @param {(total: number) => (bytes: number) => void} countTo called with the bytes to expect
 * @param {import("../engine/helpers.js").StartHelpers} startHelpers of the engine
 * @returns {Promise<Ready>}
 * @throws {import("../errors.js").TranscriptionError} "download", "runtime" or "model"
 */
export function makeReady(needs, countTo, startHelpers) {
  const { engine } = needs;
  return engine ? openEngine(needs, engine, countTo, startHelpers) : openRuntime(needs, countTo);
}

/**
 * @param {Needs} needs
 * @param {import("./worker.js").EngineParts} parts
 * @param {(total: number) => (bytes: number) => void} countTo
 * @param {import("../engine/helpers.js").StartHelpers} startHelpers
 * @returns {Promise<Ready>}
 */
async function openEngine({ files, threads, note }, { module, weights }, countTo, startHelpers) {
  const onBytes = countTo(module.bytes + weights.bytes);
  const [code, numbers] = await Promise.all([fetchPart(module, onBytes), fetchPart(weights, onBytes)]);
  // Bytes in memory mean a page without a server, which can start only one worker.
  const workers = typeof module.content === "string" ? threads : 1;
  const compiled = await WebAssembly.compile(code);
  const stages = await EngineStages.open(compiled, numbers, files, { workers, startHelpers });
  return {
    open: async (frames) => {
      await stages.prepareFor(frames);
      return stages;
    },
    compile: async () => {},
    facts: () => ({
      backend: "engine",
      relaxed: module.relaxed,
      threads: stages.width,
      fallback: note,
      stalled: false,
    }),
  };
}

/**
 * @param {Needs} needs
 * @param {(total: number) => (bytes: number) => void} countTo
 * @returns {Promise<Ready>}
 */
async function openRuntime({ files, contents, runtimeFiles, backend, threads, note }, countTo) {
  const choice = await chooseBackend(backend, runtimeFiles, files);
  let total = files.reduce((sum, { bytes }) => sum + bytes, 0);
  // The size as built: a host that compresses it announces another length.
  if (runtimeFiles.folder) total += RUNTIME_FILES[choice.backend].wasmBytes;
  const onBytes = countTo(total);
  const [runtime, fetched] = await Promise.all([
    OnnxRuntime.load({ files: runtimeFiles, choice, threads, onBytes }),
    Promise.all(files.map((file, i) => fetchPart({ ...file, content: contents[i] }, onBytes))),
  ]);
  const stages = new Stages(runtime, files, new Map(files.map((file, i) => [file.stage, fetched[i]])));
  return {
    open: async () => stages,
    compile: async () => {
      // The runtime compiles with its first session.
      const { session } = await runtime.open(fetched[0]);
      await session.release();
    },
    facts: () => ({
      backend: runtime.backend,
      relaxed: false,
      threads: runtime.threads,
      fallback: note || runtime.note,
      stalled: runtime.stalled,
    }),
  };
}

/**
 * @param {import("./worker.js").Part} part
 * @param {(bytes: number) => void} onBytes
 * @returns {Promise<Uint8Array<ArrayBuffer>>}
 */
async function fetchPart({ path, sha256, content }, onBytes) {
  if (typeof content !== "string") return content;
  const bytes = await download(content, onBytes);
  await checkHash(bytes, sha256, path);
  return bytes;
}
