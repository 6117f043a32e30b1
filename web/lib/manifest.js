/** The manifest that `make export` wrote: the models, their files and thresholds. */

import { messageOf, TranscriptionError } from "./errors.js";

/** The manifest's schema that this library reads. */
const SCHEMA = 2;

/**
 * @typedef {object} Gather what a stage tells of the whole recording, once it has run over every
 *   chunk: Gather in export/manifest.py says what each kind is
 * @property {"deviation" | "moments" | "maximum" | "cells"} kind
 * @property {string[]} of outputs of the stage
 * @property {string[]} gives inputs of later stages
 * @property {number} floor
 * @property {number} relative_floor
 * @property {number | null} values
 */

/**
 * @typedef {object} StageFile one stage of a network, ModelFile in export/manifest.py: the fields
 *   that the library reads
 * @property {string} model
 * @property {string} variant
 * @property {string} stage
 * @property {number} halo_frames frames to either side that an output depends on
 * @property {string} path relative to the manifest
 * @property {number} bytes
 * @property {string} sha256
 * @property {Tensor[]} inputs
 * @property {Tensor[]} outputs
 * @property {number} rate_hz
 * @property {Gather[]} gathers
 * @property {("wasm" | "webgpu")[]} recommended_for backends
 * @property {{frame: number, onset: number, minimum_frames: number, tolerance_frames: number}} thresholds
 */

/** @typedef {{model: string, variant: string, stage: null, path: string}} WholeFile a whole model */
/**
 * @typedef {object} EngineFile a model's weights for the engine
 * @property {string} model
 * @property {string} path relative to the manifest
 * @property {number} bytes
 * @property {string} sha256
 */

/** @typedef {Omit<EngineFile, "model"> & {relaxed: boolean}} ModuleFile the engine itself */
/** @typedef {{name: string, shape: (number | string)[]}} Tensor a string: as long as the input */

/**
 * @typedef {object} Manifest
 * @property {number} schema
 * @property {(StageFile | WholeFile)[]} files
 * @property {EngineFile[]} [engines]
 * @property {ModuleFile[]} [modules] the fastest first
 */

/**
 * Fetch and check the manifest of a folder of models.
 * @param {string} modelsUrl the folder, ending in "/"
 * @param {AbortSignal} [signal]
 * @returns {Promise<Manifest>}
 * @throws {TranscriptionError} "download"
 */
export async function loadManifest(modelsUrl, signal) {
  const url = new URL("manifest.json", modelsUrl).href;
  try {
    const response = await fetch(url, { signal });
    if (!response.ok) throw new Error(`the server answered ${response.status}`);
    const manifest = await response.json();
    if (manifest?.schema !== SCHEMA) {
      throw new Error(`its schema is ${manifest?.schema}, ${SCHEMA} is needed`);
    }
    const { files, engines = [], modules = [] } = manifest;
    for (const { path } of [...files, ...engines, ...modules]) {
      // What has a folder in it could lead anywhere.
      if (typeof path !== "string" || !/^\w[\w.-]*$/.test(path)) throw new Error(`"${path}" is not a plain file name`);
    }
    return manifest;
  } catch (error) {
    if (signal?.aborted) throw signal.reason;
    throw new TranscriptionError(
      "download",
      `the list of models, ${url}, cannot be read: ${messageOf(error)}`,
      { cause: error, reason: "lost", file: url },
    );
  }
}

/**
 * The stages of a model, in running order.
 * @param {Manifest} manifest
 * @param {string} model
 * @returns {StageFile[]}
 * @throws {TranscriptionError} "model", naming what there is
 */
export function findStages({ files }, model) {
  const stages = files.filter((one) => one.stage !== null);
  const found = stages.filter((one) => one.model === model);
  if (found.length > 0) return found;
  const have = [...new Set(stages.map((one) => one.model))].join(", ") || "nothing";
  throw new TranscriptionError("model", `there is no ${model} here; there is ${have}`);
}

/**
 * The engine that this browser can run, and a model's weights for it.
 * @param {Manifest} manifest
 * @param {string} model
 * @param {{simd: boolean, relaxed: boolean}} can what its WebAssembly has
 * @returns {{module: ModuleFile, weights: EngineFile} | string} or why there is none
 */
export function findEngine({ engines = [], modules = [] }, model, can) {
  const weights = engines.find((one) => one.model === model);
  if (!weights) return `this site has no weights of ${model} for the engine`;
  const module = modules.find(({ relaxed }) => (relaxed ? can.relaxed : can.simd));
  return module ? { module, weights } : "this browser's WebAssembly has no SIMD";
}

/**
 * Whether the manifest recommends every file for a backend.
 *
 * Only whole files come in variants to choose from. Stages are fp32, and run on a backend or not.
 * @param {Pick<StageFile, "recommended_for">[]} files
 * @param {"wasm" | "webgpu"} backend
 */
export function areRecommended(files, backend) {
  return files.every((one) => one.recommended_for.includes(backend));
}

/**
 * The model's own thresholds, in the library's spelling.
 * @param {StageFile} file
 * @returns {Required<import("./notes/notes.js").Thresholds>}
 */
export function thresholdsOf({ thresholds }) {
  return {
    frame: thresholds.frame,
    onset: thresholds.onset,
    minimumFrames: thresholds.minimum_frames,
    toleranceFrames: thresholds.tolerance_frames,
  };
}
