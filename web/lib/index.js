/** Music to notes, in the browser. */

export { decodeFile } from "./audio/decode.js";
export { TranscriptionError } from "./errors.js";
export { findBars } from "./notes/bars.js";
export { doubleBeats, halveBeats, trackBeats } from "./notes/beats.js";
export { GRIDS, snapToGrid } from "./notes/grid.js";
export { toMidi } from "./notes/midi.js";
export { steadyBeats } from "./notes/steady.js";
export { LOWEST_PITCH, makeNotes, PITCHES, SECONDS_PER_FRAME } from "./notes/notes.js";
export { clusterTimbres, estimateTimbres, noteEmbeddings, readDense } from "./timbres/timbres.js";
export { Analysis, analyse, prepare, transcribe } from "./transcribe.js";
