/**
 * Streams recordings through a model in stages, on `onnxruntime` or on `engine:WIDTH` (WIDTH chunks
 * at a time), and compares with its whole file on onnxruntime-web in Node. Arguments: the folder of
 * models, the model, these runs, separated by commas, and cases, each FILE:CHUNK_FRAMES or
 * FILE:CHUNK_FRAMES:KEPT_BYTES, where FILE holds float32 samples at 44 100 Hz. Prints one line of
 * JSON for each case in each run.
 */

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";

import * as runtime from "../../web/node_modules/onnxruntime-web/dist/ort.node.min.mjs";
import { gainFor, Listener, sanitise } from "../../web/lib/audio/audio.js";
import { EngineStages } from "../../web/lib/engine/stages.js";
import { findStages, thresholdsOf } from "../../web/lib/manifest.js";
import { makeNotes, PITCHES } from "../../web/lib/notes/notes.js";
import { ProvisionalNotes } from "../../web/lib/notes/provisional.js";
import { spanOf } from "../../web/lib/notes/spans.js";
import { Stages } from "../../web/lib/stream/stages.js";
import { Stream } from "../../web/lib/stream/stream.js";
import {
  clusterTimbres,
  EMBEDDING_SIZE,
  noteEmbeddings,
  readDense,
} from "../../web/lib/timbres/timbres.js";

runtime.env.wasm.numThreads = 1;
runtime.env.logLevel = "error";
const options = { executionProviders: ["wasm"] };
const engine = {
  open: async (model) => ({
    runtime,
    session: await runtime.InferenceSession.create(model, options),
  }),
};

const [folder, model, runs, ...cases] = process.argv.slice(2);
const manifest = JSON.parse(readFileSync(resolve(folder, "manifest.json"), "utf8"));
const files = findStages(manifest, model);
const contents = new Map(files.map(({ stage, path }) => [stage, readFileSync(resolve(folder, path))]));
const wholeFile = manifest.files.find(
  (one) => one.model === model && one.variant === "fp32" && one.stage === null,
);
const whole = await runtime.InferenceSession.create(resolve(folder, wholeFile.path), options);

/** The recordings with the whole network's outputs, by file. */
const recordings = new Map();
for (const run of runs.split(",")) {
  for (const one of cases) {
    const [path, ...numbers] = one.split(":");
    if (!recordings.has(path)) recordings.set(path, await read(path));
    const found = await compare(run, recordings.get(path), ...numbers.map(Number));
    console.log(JSON.stringify({ case: one, ...found }));
  }
}

async function read(path) {
  const bytes = readFileSync(path);
  const samples = new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
  return { samples, expected: await runWhole(samples) };
}

async function openStages(run) {
  if (run === "onnxruntime") return new Stages(engine, files, contents);
  const { modules, engines } = manifest;
  const find = ({ path }) => readFileSync(resolve(folder, path));
  const module = await WebAssembly.compile(find(modules.find((one) => !one.relaxed)));
  const weights = find(engines.find((one) => one.model === model));
  const stages = await EngineStages.open(module, weights, files, { workers: 1 });
  stages.width = Number(run.split(":")[1]);
  return stages;
}

/** A digest of what came out. */
function digestOf({ onset, frame }) {
  return createHash("sha256").update(onset).update(frame).digest("hex");
}

async function compare(run, { samples, expected }, chunkFrames, keptBytes) {
  const source = {
    length: samples.length,
    rateHz: 44100,
    read: async (from, to) => samples.slice(from, to),
  };
  const listener = await Listener.of(source, 44100);
  const reported = [];
  const stages = await openStages(run);
  const note = async (pass, fraction) => void reported.push([pass, fraction]);
  const stream = new Stream(stages, listener, note, chunkFrames, keptBytes);
  const thresholds = thresholdsOf(files[0]);
  const keep = stages.has("embed");
  let provisional = 0;
  let finder;
  const onActivations = (activations, maxima, end) => {
    finder ??= new ProvisionalNotes(activations.frames, thresholds);
    provisional += finder.take(activations, maxima, end).length;
  };
  const found = await stream.listen({ keep, onActivations });
  const { frames } = found;
  const digest = digestOf(found);
  const result = { digest, frames, expectedFrames: expected.frame.dims[2], provisional };
  for (const name of ["onset", "frame"]) result[name] = distance(found[name], expected[name].data);
  const [ours, theirs] = [found, { onset: expected.onset.data, frame: expected.frame.data }].map(
    ({ onset, frame }) => makeNotes(onset, frame, frames, thresholds),
  );
  const key = ({ startFrame, endFrame, pitch }) => `${startFrame} ${endFrame} ${pitch}`;
  result.notes = ours.length;
  result.sameNotes = ours.map(key).join() === theirs.map(key).join();
  if (!keep || ours.length === 0) return result;
  // In two parts, so that the second is made from the audio again.
  const spans = ours.map(spanOf);
  await stream.encode(spans.filter((_, i) => i % 3 > 0));
  await stream.encode(spans.filter((_, i) => i % 3 === 0));
  result.embedding = 0;
  const embedded = createHash("sha256");
  for (const span of spans) {
    const { data, stride, at } = stream.embeddings.read(span);
    for (let c = 0; c < EMBEDDING_SIZE; c++) {
      const base = (c * PITCHES + span.row) * frames;
      const theirs = expected.embedding.data.subarray(base + span.start, base + span.end);
      const begin = c * stride + at;
      const part = data.subarray(begin, begin + theirs.length);
      embedded.update(part);
      result.embedding = Math.max(result.embedding, distance(part, theirs));
    }
  }
  result.embedded = embedded.digest("hex");
  result.passes = reported.filter(([pass, fraction]) => pass === "features" && fraction === 0).length;
  const read = (span) => stream.embeddings.read(span);
  const dense = readDense(expected.embedding.data, frames);
  const vectors = noteEmbeddings(ours, read, found.frame, frames);
  const wanted = noteEmbeddings(theirs, dense, expected.frame.data, frames);
  result.sameLabels = [2, 3, 4].every(
    (count) => clusterTimbres(vectors, count).join() === clusterTimbres(wanted, count).join(),
  );
  return result;
}

/** The deployed network, on what the library makes of the recording. */
async function runWhole(samples) {
  const padded = new Float32Array(Math.max(4096, samples.length));
  const { squares } = sanitise(samples);
  const gain = gainFor(Math.sqrt(squares / samples.length));
  padded.set(samples.map((x) => gain * x));
  const input = new runtime.Tensor("float32", padded, [1, 1, padded.length]);
  return whole.run({ audio: input });
}

/** Largest difference; Infinity if the lengths differ or a value is not finite. */
function distance(a, b) {
  if (a.length !== b.length) return Infinity;
  let largest = 0;
  for (let i = 0; i < a.length; i++) {
    const difference = Math.abs(a[i] - b[i]);
    if (!(difference <= largest)) largest = Number.isNaN(difference) ? Infinity : difference;
  }
  return largest === Infinity ? "not a number" : largest;
}
