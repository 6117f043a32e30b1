/** Music to notes, in the browser. */

export { decodeFile } from "./decode.js";
export { TranscriptionError } from "./errors.js";
export { toMidi } from "./midi.js";
export { LOWEST_PITCH, makeNotes, PITCHES, SECONDS_PER_FRAME } from "./notes.js";
export { clusterTimbres, estimateTimbres, noteEmbeddings, readDense } from "./timbres.js";
export { Analysis, analyse, prepare, transcribe } from "./transcribe.js";
