/** One recording, from the app's samples to the app's notes. */

import { Listener } from "../lib/audio/audio.js";
import { endAtGaps } from "../lib/notes/ends.js";
import { makeNotes } from "../lib/notes/notes.js";
import { dropOvertones } from "../lib/notes/overtones.js";
import { merge, spanOf } from "../lib/notes/spans.js";
import { timbrePasses } from "../lib/stream/encoder.js";
import { Progress } from "../lib/stream/progress.js";
import { STAGE_COSTS } from "../lib/stream/stages.js";
import { NOTE_PASSES, Stream } from "../lib/stream/stream.js";
import { clusterTimbres, noteEmbeddings } from "../lib/timbres/timbres.js";

/**
 * @typedef {object} AppNote a note in the app's words
 * @property {number} onset frame of 256 / 22 050 s
 * @property {number} offset exclusive
 * @property {number} note MIDI number
 * @property {number} velocity mean frame activation, in [0, 1]
 */

/**
 * @typedef {object} Opened
 * @property {import("../lib/stream/stages.js").StageRunner} stages
 * @property {Required<import("../lib/notes/notes.js").Thresholds>} thresholds
 * @property {import("../lib/notes/overtones.js").OvertoneWeights} overtones
 */

/** The app makes its AudioContext with this rate. */
const RATE_HZ = 44100;

/**
 * @param {Float32Array} samples
 * @param {number} timbres 1: all notes together
 * @param {() => Promise<Opened>} open called unless the recording is silent or too short
 * @param {(fraction: number) => Promise<void>} onProgress awaited
 * @returns {Promise<AppNote[][]>} a list for each timbre that has notes, in order of appearance
 * @throws {import("../lib/errors.js").TranscriptionError}
 */
export async function transcribe(samples, timbres, open, onProgress) {
  await onProgress(0);
  const listener = await Listener.of(sourceOf(samples), RATE_HZ);
  if (listener.silent || listener.brief) return [];
  const { stages, thresholds, overtones } = await open();
  const separate = timbres > 1;
  const passes = SEPARATES && separate ? [...NOTE_PASSES, ...timbrePasses(stages)] : NOTE_PASSES;
  const progress = new Progress(passes, STAGE_COSTS);
  const stream = new Stream(stages, listener, (pass, fraction) =>
    onProgress(progress.at(pass, fraction)),
  );
  const heard = await stream.listen({ keep: separate, tuning: "auto", skipNoise: true });
  const { onset, frame, frames } = heard;
  const found = makeNotes(onset, frame, frames, thresholds);
  const real = dropOvertones(found, onset, frame, frames, overtones);
  const notes = endAtGaps(real, frame, frames, thresholds.frame);
  const labels =
    SEPARATES && separate ? await label(stream, notes, heard, timbres) : notes.map(() => 0);
  /** @type {AppNote[][]} */
  const lists = [];
  notes.forEach((note, i) => (lists[labels[i]] ??= []).push(inAppsWords(note, listener.stretch)));
  return lists;
}

/**
 * The samples as a source whose copies, each valid until the next one, share their memory: as
 * garbage they would add up to the recording again before they are collected.
 * @param {Float32Array} samples
 * @returns {import("../lib/audio/audio.js").Source}
 */
function sourceOf(samples) {
  let room = new Float32Array(0);
  return {
    length: samples.length,
    rateHz: RATE_HZ,
    read: async (from, to) => {
      if (room.length < to - from) room = new Float32Array(to - from);
      const copy = room.subarray(0, to - from);
      copy.set(samples.subarray(from, to));
      return copy;
    },
  };
}

/**
 * @param {Stream} stream
 * @param {import("../lib/notes/notes.js").FrameNote[]} notes
 * @param {import("../lib/stream/stream.js").Activations} activations
 * @param {number} timbres
 * @returns {Promise<ArrayLike<number>>} numbered by first appearance
 */
async function label(stream, notes, { frame, frames }, timbres) {
  await stream.encode(merge(notes.map(spanOf)));
  const { embeddings } = stream;
  const vectors = noteEmbeddings(notes, (span) => embeddings.read(span), frame, frames);
  return clusterTimbres(vectors, timbres);
}

/**
 * @param {import("../lib/notes/notes.js").FrameNote} note
 * @param {number} stretch factor by which the correction of its tuning made the recording longer
 * @returns {AppNote}
 */
function inAppsWords({ startFrame, endFrame, pitch, velocity }, stretch) {
  const onset = Math.round(startFrame / stretch);
  const offset = Math.max(onset + 1, Math.round(endFrame / stretch));
  return { onset, offset, note: pitch, velocity };
}
