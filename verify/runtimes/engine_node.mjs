/**
 * Node's side of verify/runtimes/engine.py: engine_node.mjs MODULE WEIGHTS. A request is a line of
 * JSON, {stage, lengths by input}, and the inputs' float32; so is the answer, lengths by output.
 */

import { readFileSync } from "node:fs";

import { EngineModule } from "../../web/lib/engine/module.js";

const [module, weights] = process.argv.slice(2).map((path) => readFileSync(path));
const engine = await EngineModule.open(await WebAssembly.compile(module), weights);

/** What arrived and was not used yet. */
let pending = Buffer.alloc(0);
const chunks = process.stdin[Symbol.asyncIterator]();

async function more() {
  const { done, value } = await chunks.next();
  if (done) process.exit(0);
  pending = Buffer.concat([pending, value]);
}

/** @param {number} bytes */
async function take(bytes) {
  while (pending.length < bytes) await more();
  const taken = pending.subarray(0, bytes);
  pending = pending.subarray(bytes);
  return new Uint8Array(taken).buffer;
}

async function takeLine() {
  while (!pending.includes(10)) await more();
  return new TextDecoder().decode(await take(pending.indexOf(10) + 1));
}

for (;;) {
  const { stage, lengths } = JSON.parse(await takeLine());
  /** @type {import("../../web/lib/engine/module.js").Values} */
  const inputs = {};
  for (const [name, length] of Object.entries(lengths)) {
    inputs[name] = new Float32Array(await take(4 * length));
  }
  const outputs = Object.entries(engine.run(stage, inputs));
  const found = Object.fromEntries(outputs.map(([name, values]) => [name, values.length]));
  process.stdout.write(`${JSON.stringify(found)}\n`);
  for (const [, values] of outputs) process.stdout.write(new Uint8Array(values.buffer));
}
