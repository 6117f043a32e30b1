/**
 * Runs stages in Node: run.mjs WASM WEIGHTS REQUESTS REPLIES. The format of the last two is in
 * drive.py. Prints the bytes of the module's memory.
 */

import { readFileSync, writeFileSync } from "node:fs";

import { EngineModule } from "../../../web/lib/engine/module.js";

const STAGES = [
  ["ears", ["audio"]],
  ["notes", ["energy", "deviation"]],
  ["first-norm", ["energy", "deviation"]],
  ["second-norm", ["energy", "deviation", "first_mean", "first_variance"]],
  ["features", ["wide", "second_mean", "second_variance"]],
  ["embed", ["cells", "feature_mean", "feature_variance"]],
];

const [wasm, weights, requests, replies] = process.argv.slice(2);
const module = await WebAssembly.compile(readFileSync(wasm));
const engine = await EngineModule.open(module, readFileSync(weights));
const bytes = new Uint8Array(readFileSync(requests));
const view = new DataView(bytes.buffer);
const parts = [];
for (let at = 0; at < bytes.length; ) {
  const [stage, names] = STAGES[view.getUint32(at, true)];
  at += 8;
  const inputs = {};
  for (const name of names) {
    const length = view.getUint32(at, true);
    inputs[name] = new Float32Array(bytes.buffer.slice(at + 4, at + 4 + 4 * length));
    at += 4 + 4 * length;
  }
  for (const values of Object.values(engine.run(stage, inputs))) parts.push(values);
}
writeFileSync(replies, Buffer.concat(parts.map((part) => Buffer.from(part.buffer))));
console.log(engine.memory.buffer.byteLength);
