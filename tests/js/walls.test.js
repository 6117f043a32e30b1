import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";

const read = (folder) => {
  const url = new URL(`../../web/${folder}/`, import.meta.url);
  const names = readdirSync(url).filter((name) => name.endsWith(".js"));
  return new Map(names.map((name) => [name, readFileSync(new URL(name, url), "utf8")]));
};
/** Without comments, whose types may name anything. */
const code = (text) => text.replace(/\/\*[\s\S]*?\*\//g, "").replace(/\/\/.*$/gm, "");
const imports = (text) => [...code(text).matchAll(/from\s+"([^"]+)"/g)].map((match) => match[1]);

const lib = read("lib");
const page = read("page");

test("there is something to hold", () => assert.ok(lib.size > 10 && page.size > 10));

test("the library never reaches for the page, nor for the DOM", () => {
  for (const [name, text] of lib) {
    for (const path of imports(text)) assert.match(path, /^(\.\/[\w-]+\.js|midi-file)$/, name);
    assert.doesNotMatch(code(text), /\b(document|window)\./, name);
  }
});

/** What can be tested without a browser. */
const PURE = [
  "affinity.js",
  "chunks.js",
  "eigen.js",
  "embeddings.js",
  "midi.js",
  "moments.js",
  "notes.js",
  "progress.js",
  "provisional.js",
  "spans.js",
  "timbres.js",
];

test("notes, timbres, MIDI and the arithmetic of streaming are pure", () => {
  const pure = new Set(["midi-file", ...PURE.map((name) => `./${name}`)]);
  for (const name of PURE) {
    const text = lib.get(name);
    for (const path of imports(text)) assert.ok(pure.has(path), `${name} imports ${path}`);
    const impure = /\b(fetch|self|globalThis|Worker|performance|Date|Math\.random|navigator)\b/;
    assert.doesNotMatch(code(text), impure, name);
  }
});

test("the page takes the library and itself, and nothing else", () => {
  for (const [name, text] of page) {
    for (const path of imports(text)) assert.match(path, /^(\.\/|\.\.\/lib\/)[\w-]+\.js$/, name);
  }
});
