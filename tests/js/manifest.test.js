import assert from "node:assert/strict";
import { test } from "node:test";

import { findStages, loadManifest } from "../../web/lib/manifest.js";

const folder = "https://example.org/models/";

/** Let the next request be answered so; returns the addresses that were asked for. */
function answer(make) {
  const asked = [];
  globalThis.fetch = async (url) => {
    asked.push(url);
    return make();
  };
  return asked;
}

test("the manifest of a folder is read", async () => {
  const asked = answer(() => Response.json({ schema: 2, files: [] }));
  assert.deepEqual(await loadManifest(folder), { schema: 2, files: [] });
  assert.deepEqual(asked, [`${folder}manifest.json`]);
});

test("an invalid manifest is a failed download that says why", async () => {
  for (const [make, why] of [
    [() => new Response("", { status: 404 }), /the server answered 404/],
    [() => Response.json({ schema: 1 }), /its schema is 1, 2 is needed/],
    [() => Response.json({ schema: 2 }), /cannot be read: .*files/],
    [() => Response.json({ schema: 2, files: [{ path: "../a" }] }), /"\.\.\/a" is not a plain/],
    [() => Response.json({ schema: 2, files: [{ path: "//b/c" }] }), /is not a plain file name/],
    [() => Response.json({ schema: 2, files: [{}] }), /"undefined" is not a plain file name/],
    [() => Response.json([]), /its schema is undefined/],
    [() => Response.json(null), /its schema is undefined/],
    [() => new Response("<!doctype html>"), /cannot be read: .*JSON/],
    [() => Promise.reject(new TypeError("no network")), /no network/],
  ]) {
    answer(make);
    await assert.rejects(loadManifest(folder), (error) => {
      assert.equal(error.code, "download");
      assert.match(error.message, /https:\/\/example\.org\/models\/manifest\.json/);
      assert.match(error.message, why);
      return true;
    });
  }
});

test("a cancelled download says that it was cancelled", async () => {
  const reason = new Error("enough");
  answer(() => Promise.reject(new TypeError("aborted")));
  await assert.rejects(loadManifest(folder, AbortSignal.abort(reason)), reason);
});

test("stages come in running order; an unknown model gets the names of those there are", () => {
  const files = [
    { model: "a", stage: null, path: "whole.onnx" },
    ...["a", "b", "a"].map((model, i) => ({ model, stage: `${i}`, path: `${i}.onnx` })),
  ];
  assert.deepEqual(
    findStages({ files }, "a").map((one) => one.path),
    ["0.onnx", "2.onnx"],
  );
  assert.throws(() => findStages({ files }, "c"), /there is no c here; there is a, b/);
  assert.throws(() => findStages({ files: [] }, "c"), /there is nothing/);
});
