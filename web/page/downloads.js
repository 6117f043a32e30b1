/** Downloads of the notes: links to files made on this machine. */

import { toMidi } from "../lib/notes/midi.js";
import { element } from "./dom.js";
import { pitchName } from "./texts.js";

/** @typedef {import("../lib/transcribe.js").Note} Note */

/** Endings that say how sound is stored: of "Beethoven No.5" nothing is one. */
const FORMATS = /\.(aac|aiff?|amr|avi|caf|flac|m4[abv]|midi?|mk[av]|mov|mp[234]|mpeg|og[agv]|opus|wave?|webm|wma)$/i;

/** @type {string[]} */
let urls = [];

/**
 * Point the links at these notes; without notes they lead nowhere.
 * @param {Note[]} notes
 * @param {string} name of the recording
 * @param {object} about goes into the JSON
 */
export function offerDownloads(notes, name, about) {
  urls.forEach((url) => URL.revokeObjectURL(url));
  urls = [];
  const stem = name.replace(FORMATS, "") || "notes";
  if (notes.length === 0) {
    for (const kind of ["mid", "csv", "json"]) {
      element(`download-${kind}`, HTMLAnchorElement).removeAttribute("href");
    }
    return;
  }
  offer("mid", "audio/midi", toMidi(notes, { name: stem }), stem);
  offer("csv", "text/csv", `\ufeff${toCsv(notes)}`, stem); // the mark tells Excel that ♯ is UTF-8
  offer("json", "application/json", `${JSON.stringify({ ...about, notes }, null, 1)}\n`, stem);
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
