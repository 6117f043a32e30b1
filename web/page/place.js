/** Where this page's models, runtime and example lie: beside it, or (single file) inside it. */

/** @typedef {import("../lib/transcribe.js").Place} Place */

/**
 * What `python -m web --single-file` puts into the page: base64 of gzip, by element id.
 * @param {string} id
 * @returns {Promise<Uint8Array<ArrayBuffer>>}
 */
async function unpack(id) {
  const packed = document.getElementById(id)?.textContent?.trim();
  if (!packed) throw new Error(`this page carries no ${id}`);
  const bytes = Uint8Array.from(atob(packed), (character) => character.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** Whether everything is inside this one file. */
export const isSingleFile = document.getElementById("packed-worker") !== null;

/** @returns {Promise<Place>} */
export async function findPlace() {
  if (!isSingleFile) return { models: "models/", runtime: "ort/" };
  const script = (/** @type {Uint8Array<ArrayBuffer>} */ bytes) =>
    URL.createObjectURL(new Blob([bytes], { type: "text/javascript" }));
  const [worker, module, manifest] = await Promise.all(
    ["packed-worker", "packed-runtime", "packed-manifest"].map(unpack),
  );
  const moduleUrl = script(module);
  return {
    models: location.href,
    embedded: {
      worker: script(worker),
      manifest: JSON.parse(new TextDecoder().decode(manifest)),
      readModel: (path) => unpack(`packed-${path}`),
      readRuntime: async () => ({ module: moduleUrl, wasm: (await unpack("packed-wasm")).buffer }),
    },
  };
}

/** @returns {Promise<Blob>} */
export async function readExample() {
  if (isSingleFile) return new Blob([await unpack("packed-example")]);
  const response = await fetch("example/example.flac");
  if (!response.ok) throw new TypeError(`the example did not arrive (${response.status})`);
  return response.blob();
}
