/**
 * The stages of a network on the engine, as stream/stages.js on onnxruntime-web.
 *
 * Chunks are independent, so several workers run them, each with its own module: no shared memory,
 * no headers. The caller takes results in the order of the chunks, so they do not depend on the
 * number of workers.
 */

import { TranscriptionError } from "../errors.js";
import { Plan } from "../stream/plan.js";
import { EngineModule } from "./module.js";

/** @typedef {import("./module.js").Values} Values */

/** More workers than this gain little: each takes 15 MB, and one reads the audio for all. */
const MOST_WORKERS = 4;
/** Smallest number of frames for which a second worker is worth its start. */
const FRAMES_A_WORKER = 512;

/** Opens once; runs any stage, on `width` chunks at a time. */
export class EngineStages extends Plan {
  /**
   * @param {WebAssembly.Module} module
   * @param {Uint8Array} weights the model's `.engine` file
   * @param {import("../manifest.js").StageFile[]} files the plan
   * @param {number} [workers] default: one per core, up to MOST_WORKERS
   * @returns {Promise<EngineStages>}
   * @throws {TranscriptionError} "model"
   */
  static async open(module, weights, files, workers) {
    const own = await EngineModule.open(module, weights);
    return new EngineStages(own, { module, weights }, files, workers ?? defaultWorkers());
  }

  /**
   * @param {EngineModule} own
   * @param {import("./helper.js").OpenRequest} parts
   * @param {import("../manifest.js").StageFile[]} files
   * @param {number} most
   */
  constructor(own, parts, files, most) {
    super(files);
    this._own = own;
    this._parts = parts;
    this._most = Math.max(1, most);
    /** @type {Helper[]} */
    this._helpers = [];
    /** Number of chunks that run at a time. */
    this.width = 1;
  }

  /**
   * Start the workers that a recording of this length is worth; if one does not start, this worker
   * runs everything itself.
   * @param {number} frames
   */
  prepareFor(frames) {
    const wanted = Math.min(this._most, Math.ceil(frames / FRAMES_A_WORKER));
    if (wanted < 2) return;
    try {
      while (this._helpers.length < wanted) this._helpers.push(new Helper(this._parts));
      this.width = this._helpers.length;
    } catch {
      this.close();
    }
  }

  /**
   * @template T
   * @param {string} name
   * @param {(run: (inputs: Values) => Promise<Values>) => Promise<T>} task
   * @returns {Promise<T>}
   * @throws {TranscriptionError}
   */
  use(name, task) {
    return task((inputs) => this._run(name, inputs));
  }

  /** End the helpers. */
  close() {
    for (const helper of this._helpers) helper.close();
    this._helpers = [];
    this.width = 1;
  }

  /** @param {string} stage @param {Values} inputs @returns {Promise<Values>} */
  async _run(stage, inputs) {
    if (this._helpers.length === 0) return this._own.run(stage, inputs);
    const idle = this._helpers.reduce((a, b) => (b.waiting < a.waiting ? b : a));
    return idle.run(stage, inputs);
  }
}

/** One more worker. */
class Helper {
  /** @param {import("./helper.js").OpenRequest} parts */
  constructor(parts) {
    this._worker = new Worker(new URL("./helper.js", import.meta.url), { type: "module" });
    this._next = 0;
    /** @type {Map<number, {resolve: (outputs: Values) => void, reject: (error: unknown) => void}>} */
    this._asked = new Map();
    this._worker.onmessage = ({ data: { id, outputs, error } }) => {
      const asked = this._asked.get(id);
      this._asked.delete(id);
      if (error) asked?.reject(new TranscriptionError(error.code, error.message));
      else asked?.resolve(outputs);
    };
    this._worker.onerror = (event) => {
      event.preventDefault();
      const message = event.message || "its script did not load; reload the page";
      const error = new TranscriptionError("runtime", `a worker failed: ${message}`);
      for (const { reject } of this._asked.values()) reject(error);
      this._asked.clear();
    };
    this._worker.postMessage(parts);
  }

  /** Number of runs under way. */
  get waiting() {
    return this._asked.size;
  }

  /** @param {string} stage @param {Values} inputs @returns {Promise<Values>} */
  run(stage, inputs) {
    const id = ++this._next;
    return new Promise((resolve, reject) => {
      this._asked.set(id, { resolve, reject });
      this._worker.postMessage({ id, stage, inputs });
    });
  }

  close() {
    this._worker.terminate();
  }
}

/**
 * One per core that the browser claims. Workers do not wait for each other, so too many cost memory
 * only: 4 on 2 busy cores took 0.9 to 1.2 times as long as 2 (Chromium 156, 2026-11).
 */
function defaultWorkers() {
  return Math.min(MOST_WORKERS, navigator.hardwareConcurrency || 1);
}
