/** A recording in one piece through the engine, to the outputs that a whole file gives. */

/** @typedef {import("../../../web/lib/engine/module.js").EngineModule} EngineModule */
/** @typedef {import("../../../web/lib/engine/module.js").Values} Values */

const [BINS, CHANNELS, PITCHES, EMBEDDING] = [252, 16, 84, 12];
/** Frames of `embed` to either side. */
const HALO = 2;
/** Pitches that are embedded at a time. */
const BATCH = 6;

/** @type {Values} what stages gave in the last run, by name */
const kept = {};

/**
 * Run a stage. Outputs are copied to where the last run's are, as onnxruntime keeps the memory between its
 * nodes: fresh arrays, 65 MB in 30 s of music, take a fifteenth of the time. The library copies none.
 *
 * @param {EngineModule} engine
 * @param {string} stage
 * @param {Values} inputs
 * @returns {Values} until the next run of the stage
 */
function run(engine, stage, inputs) {
  const outputs = Object.entries(engine.look(stage, inputs)).map(([name, values]) => {
    if (kept[name]?.length !== values.length) kept[name] = new Float32Array(values.length);
    kept[name].set(values);
    return [name, kept[name]];
  });
  return Object.fromEntries(outputs);
}

/**
 * @param {EngineModule} engine
 * @param {Float32Array<ArrayBuffer>} audio at 44 100 Hz
 * @param {boolean} separate whether there are embeddings to make
 * @returns {Values} onset, frame and, if so, embedding
 */
export function runWhole(engine, audio, separate) {
  const { energy, loudness } = run(engine, "ears", { audio });
  const [, variance] = momentsOf(loudness, null, 1, 1);
  const deviation = Float32Array.of(Math.sqrt(variance[0]));
  const { onset, frame } = run(engine, "notes", { energy, deviation });
  if (!separate) return { onset, frame };
  const first = run(engine, "first-norm", { energy, deviation });
  const [first_mean, first_variance] = momentsOf(first.first_means, first.first_variances, 4);
  const second = run(engine, "second-norm", { energy, deviation, first_mean, first_variance });
  const [second_mean, second_variance] = momentsOf(second.second_means, second.second_variances, 2);
  const made = run(engine, "features", { wide: second.wide, second_mean, second_variance });
  const [feature_mean, feature_variance] = momentsOf(
    made.feature_means,
    made.feature_variances,
    CHANNELS,
    BINS,
  );
  const embedding = embed(engine, made.features, { feature_mean, feature_variance });
  return { onset, frame, embedding };
}

/**
 * Mean and variance over all frames.
 * @param {Float32Array} means rows × frames
 * @param {Float32Array | null} variances the same
 * @param {number} rows
 * @param {number} [values] behind each frame's mean, for an unbiased variance
 * @returns {[Float32Array<ArrayBuffer>, Float32Array<ArrayBuffer>]}
 */
function momentsOf(means, variances, rows, values) {
  const frames = means.length / rows;
  const found = /** @type {[Float32Array<ArrayBuffer>, Float32Array<ArrayBuffer>]} */ ([
    new Float32Array(rows),
    new Float32Array(rows),
  ]);
  for (let row = 0; row < rows; row++) {
    let [mean, square] = [0, 0];
    for (let t = 0; t < frames; t++) mean += means[row * frames + t] / frames;
    for (let t = 0; t < frames; t++) {
      square += (variances?.[row * frames + t] ?? 0) + (means[row * frames + t] - mean) ** 2;
    }
    found[0][row] = mean;
    found[1][row] = values ? (square * values) / (frames * values - 1) : square / frames;
  }
  return found;
}

/**
 * The embeddings of all pitches, a few at a time, one after the other as if in time.
 * @param {EngineModule} engine
 * @param {Float32Array} features CHANNELS × BINS × frames
 * @param {Values} moments of the features; their mean fills what lies below the lowest bin and
 *   beyond both ends
 * @returns {Float32Array<ArrayBuffer>} EMBEDDING × PITCHES × frames
 */
function embed(engine, features, moments) {
  const frames = features.length / (CHANNELS * BINS);
  const width = frames + 2 * HALO;
  const cells = new Float32Array(CHANNELS * 3 * BATCH * width);
  const made = new Float32Array(EMBEDDING * PITCHES * frames);
  for (let first = 0; first < PITCHES; first += BATCH) {
    for (let plane = 0; plane < CHANNELS * 3; plane++) {
      const channel = Math.floor(plane / 3);
      const mean = moments.feature_mean[channel];
      for (let i = 0; i < BATCH; i++) {
        const bin = 3 * (first + i) - 1 + (plane % 3);
        const start = (plane * BATCH + i) * width;
        const from = (channel * BINS + bin) * frames;
        cells.fill(mean, start, start + HALO);
        if (bin < 0) cells.fill(mean, start + HALO, start + HALO + frames);
        else cells.set(features.subarray(from, from + frames), start + HALO);
        cells.fill(mean, start + HALO + frames, start + width);
      }
    }
    const { embedding } = run(engine, "embed", { cells, ...moments });
    for (let row = 0; row < EMBEDDING * BATCH; row++) {
      const pitch = first + (row % BATCH);
      const values = embedding.subarray(row * width + HALO, row * width + HALO + frames);
      made.set(values, (Math.floor(row / BATCH) * PITCHES + pitch) * frames);
    }
  }
  return made;
}
