import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path/posix";
import { test } from "node:test";

const WEB = new URL("../../web/", import.meta.url);
/** @param {string} folder @returns {Map<string, string>} text by path below web/ */
const read = (folder) =>
  new Map(
    readdirSync(new URL(folder, WEB), { recursive: true })
      .map((name) => join(folder, String(name)))
      .filter((path) => path.endsWith(".js"))
      .map((path) => [path, readFileSync(new URL(path, WEB), "utf8")]),
  );
/** Without comments, whose types may name anything. */
const code = (text) => text.replace(/\/\*[\s\S]*?\*\//g, "").replace(/\/\/.*$/gm, "");
/** Imports of a file: paths below web/, or the names of packages. */
const imports = (path, text) =>
  [...code(text).matchAll(/from\s+"([^"]+)"/g)].map(([, target]) =>
    target.startsWith(".") ? normalize(join(dirname(path), target)) : target,
  );

const lib = read("lib");
const page = read("page");
const notedigger = read("notedigger");

test("there is something to hold", () => assert.ok(lib.size > 10 && page.size > 10));

test("the library never reaches for the page, nor for the DOM", () => {
  for (const [path, text] of lib) {
    for (const target of imports(path, text)) {
      assert.ok(lib.has(target), `${path} imports ${target}`);
    }
    assert.doesNotMatch(code(text), /\b(document|window)\./, path);
  }
});

/** Files that can be tested without a browser: two rooms, and the arithmetic of a third. */
const PURE = [...lib.keys()].filter((path) =>
  /^lib\/(notes|timbres|stream\/(chunks|embeddings|moments|noise|progress|tuning))\b/.test(path),
);

test("notes, timbres, MIDI and the arithmetic of streaming are pure", () => {
  assert.ok(PURE.length >= 11);
  const pure = new Set(PURE);
  for (const path of PURE) {
    const text = lib.get(path);
    for (const target of imports(path, text)) {
      assert.ok(pure.has(target), `${path} imports ${target}`);
    }
    const impure = /\b(fetch|self|globalThis|Worker|performance|Date|Math\.random|navigator)\b/;
    assert.doesNotMatch(code(text), impure, path);
  }
});

/** A file of the library and all that it imports. */
function reach(path, seen = new Set()) {
  if (seen.has(path)) return seen;
  seen.add(path);
  for (const target of imports(path, lib.get(path))) reach(target, seen);
  return seen;
}
const startsWorkers = (path) => /\bnew Worker\b/.test(code(lib.get(path)));

test("no worker starts another: in Firefox that sometimes never returns", () => {
  assert.ok([...reach("lib/index.js")].some(startsWorkers));
  for (const entry of ["lib/worker/worker.js", "lib/engine/helper.js"]) {
    assert.deepEqual([...reach(entry)].filter(startsWorkers), [], entry);
  }
});

test("the page takes the library and itself, and nothing else", () => {
  for (const [path, text] of page) {
    for (const target of imports(path, text)) {
      assert.ok(lib.has(target) || page.has(target), `${path} imports ${target}`);
    }
  }
});

test("noteDigger's worker takes the library and itself, and no DOM", () => {
  assert.ok(notedigger.size > 2);
  for (const [path, text] of notedigger) {
    for (const target of imports(path, text)) {
      assert.ok(lib.has(target) || notedigger.has(target), `${path} imports ${target}`);
    }
    assert.doesNotMatch(code(text), /\b(document|window)\./, path);
  }
});
