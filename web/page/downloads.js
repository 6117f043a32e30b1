/** Downloads of the notes: links to files made on this machine. */

import { toMidi } from "../lib/notes/midi.js";
import { element } from "./dom.js";
import { pitchName, text } from "./texts.js";

/** @typedef {import("../lib/transcribe.js").Note} Note */
/** @typedef {import("./recording.js").Recording} Recording */

/** Endings that say how sound is stored: of "Beethoven No.5" nothing is one. */
const FORMATS = /\.(3g[2p]|aac|ac3|aif[cf]?|amr|ape|au|avi|caf|flac|flv|m4[abrv]|midi?|mk[av]|mov|mp[234]|mpe?g|mpga|og[agv]|opus|snd|ts|w64|wave?|web[am]|wm[av]|wv)$/i;

/** @type {string[]} */
let urls = [];

/**
 * Point the links at these notes; without notes they lead nowhere.
 * @param {Recording} recording
 * @param {Note[]} notes those that are heard
 * @param {object} about goes into the JSON
 */
export function offerDownloads(recording, notes, about) {
  urls.forEach((url) => URL.revokeObjectURL(url));
  urls = [];
  if (notes.length === 0) {
    for (const kind of ["mid", "csv", "json"]) {
      element(`download-${kind}`, HTMLAnchorElement).removeAttribute("href");
    }
    return;
  }
  const stem = stemOf(recording);
  offer("mid", "audio/midi", midiOf(recording, notes), stem);
  offer("csv", "text/csv", `\ufeff${toCsv(notes)}`, stem); // the mark tells Excel that ♯ is UTF-8
  const { beats } = recording;
  offer("json", "application/json", `${JSON.stringify({ ...about, beats, notes }, null, 1)}\n`, stem);
}

/**
 * Save the notes of one timbre as MIDI.
 * @param {Recording} recording
 * @param {number} timbre
 */
export function saveTimbre(recording, timbre) {
  const notes = recording.notes.filter((note) => note.timbre === timbre);
  const url = URL.createObjectURL(new Blob([midiOf(recording, notes)], { type: "audio/midi" }));
  const link = document.createElement("a");
  const name = recording.names[timbre] || text("timbre", { number: timbre + 1 });
  link.href = url;
  link.download = `${stemOf(recording)} - ${name}.mid`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000); // the browser may ask where to put it first
}

/** @param {Recording} recording */
function stemOf({ name }) {
  return name.replace(FORMATS, "") || "notes";
}

/**
 * @param {Recording} recording
 * @param {Note[]} notes
 */
function midiOf(recording, notes) {
  const { bars, beats, names } = recording;
  const map = beats.length > 1 ? { beats, bars } : {};
  return toMidi(notes, { name: stemOf(recording), names, ...map });
}

/**
 * @param {string} kind
 * @param {string} type
 * @param {BlobPart} content
 * @param {string} stem
 */
function offer(kind, type, content, stem) {
  const url = URL.createObjectURL(new Blob([content], { type }));
  urls.push(url);
  const link = element(`download-${kind}`, HTMLAnchorElement);
  link.href = url;
  link.download = `${stem}.${kind}`;
}

/** @param {Note[]} notes */
function toCsv(notes) {
  const lines = notes.map(({ start, end, pitch, velocity, timbre }) =>
    [start.toFixed(6), end.toFixed(6), pitch, pitchName(pitch), velocity.toFixed(4), timbre].join(),
  );
  return ["start_seconds,end_seconds,pitch,name,velocity,timbre", ...lines, ""].join("\n");
}
