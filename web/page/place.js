/** Where this page's models, runtime and example lie: beside it, or (single file) inside it. */

/** @typedef {import("../lib/transcribe.js").Place} Place */

/**
 * A file that `python -m web build --single-file` put into the page as base64 of gzip.
 * @param {string} name
 * @returns {Promise<Uint8Array<ArrayBuffer>>}
 */
async function unpack(name) {
  const packed = document.getElementById(`packed-${name}`)?.textContent?.trim();
  if (!packed) throw new Error(`this page carries no ${name}`);
  const bytes = Uint8Array.from(atob(packed), (character) => character.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** Whether everything is inside this one file. */
export const isSingleFile = document.getElementById("packed-worker") !== null;

/** @returns {Promise<Place>} */
export async function findPlace() {
  if (!isSingleFile) return { models: "models/", runtime: "ort/" };
  const [worker, manifest] = await Promise.all(["worker", "manifest"].map(unpack));
  return {
    models: location.href,
    embedded: {
      worker: URL.createObjectURL(new Blob([worker], { type: "text/javascript" })),
      manifest: JSON.parse(new TextDecoder().decode(manifest)),
      readModel: unpack,
      readRuntime: async () => ({ wasm: (await unpack("wasm")).buffer }),
    },
  };
}

/** @returns {Promise<Blob>} */
export async function readExample() {
  if (isSingleFile) return new Blob([await unpack("example")]);
  const response = await fetch("example/example.flac");
  if (!response.ok) throw new TypeError(`the example did not arrive (${response.status})`);
  return response.blob();
}
