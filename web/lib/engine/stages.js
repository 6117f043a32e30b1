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
   * @param {object} [options]
   * @param {number} [options.workers] default: one per core, up to MOST_WORKERS
   * @param {import("./helpers.js").StartHelpers} [options.startHelpers] default: there are none
   * @returns {Promise<EngineStages>}
   * @throws {TranscriptionError} "model"
   */
  static async open(module, weights, files, { workers = defaultWorkers(), startHelpers } = {}) {
    const own = await EngineModule.open(module, weights);
    return new EngineStages(own, { module, weights }, files, workers, startHelpers);
  }

  /**
   * @param {EngineModule} own
   * @param {import("./helper.js").Parts} parts
   * @param {import("../manifest.js").StageFile[]} files
   * @param {number} most
   * @param {import("./helpers.js").StartHelpers} [startHelpers]
   */
  constructor(own, parts, files, most, startHelpers = async () => []) {
    super(files);
    this._own = own;
    this._parts = parts;
    this._most = Math.max(1, most);
    this._startHelpers = startHelpers;
    /** @type {Helper[]} */
    this._helpers = [];
    /** Number of chunks that run at a time. */
    this.width = 1;
  }

  /**
   * Start the workers that a recording of this length is worth; if fewer than two start, this worker
   * runs everything itself.
   * @param {number} frames
   */
  async prepareFor(frames) {
    const wanted = Math.min(this._most, Math.ceil(frames / FRAMES_A_WORKER));
    if (wanted < 2 || wanted <= this._helpers.length) return;
    const ports = await this._startHelpers(wanted - this._helpers.length, this._parts);
    this._helpers.push(...ports.map((port) => new Helper(port)));
    this.width = this._helpers.length < 2 ? 1 : this._helpers.length;
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

  /** @param {string} stage @param {Values} inputs @returns {Promise<Values>} */
  async _run(stage, inputs) {
    if (this._helpers.length < 2) {
      return this.width === 1 ? this._own.look(stage, inputs) : this._own.run(stage, inputs);
    }
    const idle = this._helpers.reduce((a, b) => (b.waiting < a.waiting ? b : a));
    return idle.run(stage, inputs);
  }
}

/** One more worker, at the other end of a port. */
class Helper {
  /** @param {MessagePort} port */
  constructor(port) {
    this._port = port;
    this._next = 0;
    /** @type {Map<number, {resolve: (outputs: Values) => void, reject: (error: unknown) => void}>} */
    this._asked = new Map();
    this._port.onmessage = ({ data: { id, outputs, error } }) => {
      const asked = this._asked.get(id);
      this._asked.delete(id);
      if (error) asked?.reject(new TranscriptionError(error.code, error.message));
      else asked?.resolve(outputs);
    };
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
      this._port.postMessage({ id, stage, inputs });
    });
  }
}

/**
 * One per core that the browser claims. Workers do not wait for each other, so too many cost memory
 * only: 4 on 2 busy cores took 0.7 to 1.2 times as long as 2 (Chromium 156, 2026-11).
 */
function defaultWorkers() {
  return Math.min(MOST_WORKERS, navigator.hardwareConcurrency || 1);
}
