/** The manifest that `make export` wrote: which models there are, and what they need. */

import { messageOf, TranscriptionError } from "./errors.js";

/** The manifest's schema that this library reads. */
const SCHEMA = 1;

/**
 * @typedef {object} ModelFile one file, as in export/manifest.py; what the library reads of it
 * @property {string} model
 * @property {string} variant
 * @property {string} path relative to the manifest
 * @property {number} bytes
 * @property {string} sha256
 * @property {{name: string}[]} inputs
 * @property {{name: string}[]} outputs
 * @property {number} rate_hz
 * @property {{frame: number, onset: number, minimum_frames: number, tolerance_frames: number}} thresholds
 */

/**
 * @typedef {object} Manifest
 * @property {number} schema
 * @property {ModelFile[]} files
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
    return manifest;
  } catch (error) {
    if (signal?.aborted) throw signal.reason;
    throw new TranscriptionError(
      "download",
      `the list of models, ${url}, cannot be read: ${messageOf(error)}`,
      { cause: error },
    );
  }
}

/**
 * The file of a model and variant.
 * @param {Manifest} manifest
 * @param {string} model
 * @param {string} [variant]
 * @returns {ModelFile}
 * @throws {TranscriptionError} "model", naming what there is
 */
export function findModel(manifest, model, variant = "fp32") {
  const file = manifest.files.find((one) => one.model === model && one.variant === variant);
  if (file) return file;
  const have = manifest.files.map((one) => `${one.model} ${one.variant}`).join(", ") || "nothing";
  throw new TranscriptionError("model", `there is no ${model} ${variant} here; there is ${have}`);
}

/**
 * The model's own thresholds, in the library's spelling.
 * @param {ModelFile} file
 * @returns {Required<import("./notes.js").Thresholds>}
 */
export function thresholdsOf({ thresholds }) {
  return {
    frame: thresholds.frame,
    onset: thresholds.onset,
    minimumFrames: thresholds.minimum_frames,
    toleranceFrames: thresholds.tolerance_frames,
  };
}
