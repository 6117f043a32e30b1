import assert from "node:assert/strict";
import { test } from "node:test";

import { areRecommended } from "../../web/lib/manifest.js";
import { chooseBackend, threadCount } from "../../web/lib/worker/session.js";

const folder = { folder: "https://example.org/ort/" };
const both = [{ recommended_for: ["wasm", "webgpu"] }];
const cpu = [{ recommended_for: ["wasm"] }];
let asked = 0;

/** Let the browser have, or not have, a graphics adapter. */
function setGpu(requestAdapter) {
  asked = 0;
  const gpu = requestAdapter && { requestAdapter: async () => (asked++, requestAdapter()) };
  Object.defineProperty(globalThis, "navigator", { value: { gpu }, configurable: true });
}

test("a model runs on a backend where every stage of it does", () => {
  assert.equal(areRecommended([...both, ...both], "webgpu"), true);
  assert.equal(areRecommended([...both, ...cpu], "webgpu"), false);
  assert.equal(areRecommended([{ recommended_for: [] }], "wasm"), false);
});

test("WebGPU is taken where the manifest recommends it and there is an adapter", async () => {
  setGpu(() => ({}));
  assert.deepEqual(await chooseBackend("webgpu", folder, both), { backend: "webgpu", note: "" });
  assert.equal(asked, 1);
});

test("models that are not recommended for WebGPU run on the CPU, and nothing is tried", async () => {
  setGpu(() => ({}));
  const { backend, note } = await chooseBackend("webgpu", folder, [...both, ...cpu]);
  assert.equal(backend, "wasm");
  assert.match(note, /made for the CPU/);
  assert.equal(asked, 0);
});

test("a browser without WebGPU, without an adapter, or with a broken one says which", async () => {
  const fail = () => {
    throw new Error("the driver crashed");
  };
  for (const [adapter, expected] of [
    [undefined, /has no WebGPU/],
    [() => null, /no graphics adapter/],
    [fail, /the driver crashed/],
  ]) {
    setGpu(adapter);
    const { backend, note } = await chooseBackend("webgpu", folder, both);
    assert.equal(backend, "wasm");
    assert.match(note, expected);
  }
  setGpu(() => ({}));
  const { backend, note } = await chooseBackend("webgpu", { wasm: new ArrayBuffer(1) }, both);
  assert.equal(backend, "wasm");
  assert.match(note, /CPU runtime only/);
});

test("the CPU is never refused", async () => {
  setGpu(() => ({}));
  for (const files of [both, cpu, [{ recommended_for: [] }]]) {
    assert.deepEqual(await chooseBackend("wasm", folder, files), { backend: "wasm", note: "" });
  }
});

test("threads are no more than help, and none where memory cannot be shared", () => {
  const SharedArrayBuffer = class {};
  const count = (claimed, scope = {}) =>
    threadCount(undefined, {
      crossOriginIsolated: true,
      SharedArrayBuffer,
      navigator: { hardwareConcurrency: claimed },
      ...scope,
    });
  const counts = [undefined, 1, 2, 3, 4, 6, 8, 64].map((claimed) => count(claimed));
  assert.deepEqual(counts, [1, 1, 2, 2, 2, 3, 4, 4]);
  assert.equal(count(8, { SharedArrayBuffer: undefined }), 1);
  assert.equal(count(8, { crossOriginIsolated: false }), 1);
  const firefox = { hardwareConcurrency: 8, userAgent: "Mozilla/5.0 Gecko/20100101 Firefox/153.0" };
  assert.equal(count(8, { navigator: firefox }), 1, "where a nested worker may hang");
});
