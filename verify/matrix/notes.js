/**
 * The node side of verify/matrix/notes.py: notes and timbre labels from tensors, made by the
 * browser's library. Reads a request from standard input and answers on standard output, in JSON.
 *
 * Request: { onset, frame, embedding: path of float32 bytes (embedding may be null), frames,
 *            thresholds, counts: numbers of timbres }
 * Answer:  { notes: FrameNote[], labels: one list for each count }
 */

import { readFileSync } from "node:fs";
import { makeNotes } from "../../web/lib/notes/notes.js";
import { clusterTimbres, noteEmbeddings, readDense } from "../../web/lib/timbres/timbres.js";

/** @param {string} path @returns {Float32Array} */
function read(path) {
  const { buffer, byteOffset, byteLength } = readFileSync(path);
  return new Float32Array(buffer.slice(byteOffset, byteOffset + byteLength));
}

/**
 * @type {{ onset: string, frame: string, embedding: string | null, frames: number,
 *   thresholds: import("../../web/lib/notes/notes.js").Thresholds, counts: number[] }}
 */
const request = JSON.parse(readFileSync(0, "utf8"));
const { frames, thresholds, counts } = request;
const frame = read(request.frame);
const notes = makeNotes(read(request.onset), frame, frames, thresholds);
const vectors = request.embedding
  ? noteEmbeddings(notes, readDense(read(request.embedding), frames), frame, frames)
  : null;
const labels = vectors ? counts.map((count) => [...clusterTimbres(vectors, count)]) : [];
process.stdout.write(JSON.stringify({ notes, labels }));
