// Bundled with:
//   esbuild main.js worker=tiny-amt/worker/worker.js --bundle --format=esm --outdir=public
// The worker must be beside the bundle as worker.js. Beside the page are models/ (from
// `make export`) and ort/ (the dist folder of the npm package onnxruntime-web).

import { decodeFile, transcribe } from "tiny-amt";

document.getElementById("file").addEventListener("change", async ({ target }) => {
  const cancel = new AbortController();
  document.getElementById("cancel").onclick = () => cancel.abort();
  try {
    const notes = await transcribe(await decodeFile(target.files[0]), {
      models: "models/",
      runtime: "ort/",
      model: "septimbre",
      timbres: 2,
      signal: cancel.signal,
    });
    document.getElementById("notes").textContent = JSON.stringify(notes);
  } catch (error) {
    document.getElementById("notes").textContent = error.message;
  }
});
