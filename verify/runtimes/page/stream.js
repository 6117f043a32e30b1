/** A recording through the library's own stream: what the page ships, on what this page runs. */

import { fetchBytes, send } from "./wire.js";

/** @typedef {import("./wire.js").Wire} Wire */
/** @typedef {import("../../../web/lib/stream/stages.js").StageRunner} StageRunner */
/** @typedef {typeof import("../../../web/lib/stream/stream.js")} StreamModule */
/** @typedef {typeof import("../../../web/lib/notes/notes.js")} NotesModule */
/** @typedef {typeof import("../../../web/lib/timbres/timbres.js")} TimbresModule */

/**
 * @param {string} library path of web/lib
 * @param {StageRunner} stages
 * @param {string} audio path of the samples: float32, finite, at the networks' rate and level
 * @param {number} chunkFrames
 * @param {string} target where the outputs' bytes go
 * @returns {Promise<Wire[]>} onset, frame and, where there is a stage for it, embedding
 */
export async function streamAudio(library, stages, audio, chunkFrames, target) {
  /** @type {[StreamModule, NotesModule, TimbresModule]} */
  const [{ Stream }, { PITCHES }, { EMBEDDING_SIZE }] = await Promise.all([
    import(`${library}stream/stream.js`),
    import(`${library}notes/notes.js`),
    import(`${library}timbres/timbres.js`),
  ]);
  const samples = new Float32Array(await fetchBytes(audio));
  const stream = new Stream(stages, makeListener(samples), async () => {}, chunkFrames);
  const keep = stages.has("embed");
  const found = await stream.listen({ keep });
  const { frames, onset, frame } = found;
  const tensors = [
    { name: "onset", dtype: "float32", shape: [1, PITCHES, frames], values: onset },
    { name: "frame", dtype: "float32", shape: [1, PITCHES, frames], values: frame },
  ];
  if (keep) {
    const values = new Float32Array(EMBEDDING_SIZE * PITCHES * frames);
    const rows = Array.from({ length: PITCHES }, (_, row) => ({ row, start: 0, end: frames }));
    // Where nothing changes there are no notes, hence no embeddings: all are 0, as in the file.
    const spans = onset.some(Boolean) || frame.some(Boolean) ? rows : [];
    await stream.encode(spans);
    for (const span of spans) {
      const { data, stride, at } = stream.embeddings.read(span);
      for (let c = 0; c < EMBEDDING_SIZE; c++) {
        const part = data.subarray(c * stride + at, c * stride + at + frames);
        values.set(part, (c * PITCHES + span.row) * frames);
      }
    }
    const shape = [1, EMBEDDING_SIZE, PITCHES, frames];
    tensors.push({ name: "embedding", dtype: "float32", shape, values });
  }
  return send(tensors, target);
}

/**
 * The library's Listener, but for rate and level: the reference has the samples as they are.
 * @param {Float32Array<ArrayBuffer>} samples
 */
function makeListener(samples) {
  const read = async (/** @type {number} */ from, /** @type {number} */ to) => {
    const piece = new Float32Array(to - from);
    piece.set(samples.subarray(from, to));
    return piece;
  };
  /** @type {any} */
  const listener = { length: samples.length, cents: 0, read };
  return listener;
}
