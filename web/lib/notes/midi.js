/** Notes → a Standard MIDI File, written by midi-file. */

import { writeMidi } from "midi-file";

/** Ticks a beat: at 120 beats a minute a tick is 1/44 100 s, and a frame is exactly 512 ticks. */
const TICKS_PER_BEAT = 22050;
/** Channels for timbres: all but the tenth, which General MIDI keeps for drums. */
const CHANNELS = Object.freeze([0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12, 13, 14, 15]);
/** General MIDI programs that are easily told apart: piano, violin, flute, cello, clarinet, horn. */
const PROGRAMS = Object.freeze([0, 40, 73, 42, 71, 60]);

/**
 * A format 1 file: a track with the tempo, then one track a timbre.
 *
 * Where two notes of one pitch and timbre overlap, which MIDI cannot say, the earlier one ends
 * where the later begins.
 *
 * @param {import("../transcribe.js").Note[]} notes
 * @param {{bpm?: number, name?: string}} [options] bpm: what the file calls the tempo; times stay
 * @returns {Uint8Array<ArrayBuffer>}
 * @throws {RangeError} where bpm is not in 10 … 1000
 */
export function toMidi(notes, { bpm = 120, name = "Transcription" } = {}) {
  if (!(bpm >= 10 && bpm <= 1000)) {
    throw new RangeError(`the tempo is ${bpm}; give beats a minute from 10 to 1000`);
  }
  const microsecondsPerBeat = Math.round(60e6 / bpm);
  const ticksPerSecond = (TICKS_PER_BEAT * 1e6) / microsecondsPerBeat;
  const timbres = [...new Set(notes.map((note) => note.timbre))].sort((a, b) => a - b);
  /** @type {import("midi-file").MidiEvent[]} */
  const heading = [
    { deltaTime: 0, meta: true, type: "trackName", text: asciiOf(name) },
    {
      deltaTime: 0,
      meta: true,
      type: "timeSignature",
      numerator: 4,
      denominator: 4,
      metronome: 24,
      thirtyseconds: 8,
    },
    { deltaTime: 0, meta: true, type: "setTempo", microsecondsPerBeat },
    { deltaTime: 0, meta: true, type: "endOfTrack" },
  ];
  const tracks = timbres.map((timbre) =>
    track(
      notes.filter((note) => note.timbre === timbre),
      timbre,
      ticksPerSecond,
    ),
  );
  const header = {
    format: /** @type {1} */ (1),
    numTracks: tracks.length + 1,
    ticksPerBeat: TICKS_PER_BEAT,
  };
  return Uint8Array.from(writeMidi({ header, tracks: [heading, ...tracks] }));
}

/**
 * @param {import("../transcribe.js").Note[]} notes
 * @param {number} timbre
 * @param {number} ticksPerSecond
 * @returns {import("midi-file").MidiEvent[]}
 */
function track(notes, timbre, ticksPerSecond) {
  const channel = CHANNELS[timbre % CHANNELS.length];
  /** @type {Map<number, {start: number, end: number, pitch: number, velocity: number}>} */
  const latest = new Map();
  const timed = [];
  for (const note of [...notes].sort((a, b) => a.start - b.start)) {
    const start = Math.round(note.start * ticksPerSecond);
    const entry = {
      start,
      end: Math.max(start + 1, Math.round(note.end * ticksPerSecond)),
      pitch: note.pitch,
      velocity: Math.min(127, Math.max(1, Math.round(127 * note.velocity))),
    };
    const before = latest.get(note.pitch);
    if (before) before.end = Math.min(before.end, Math.max(before.start + 1, start));
    latest.set(note.pitch, entry);
    timed.push(entry);
  }
  const events = timed.flatMap(({ start, end, pitch, velocity }) => [
    { tick: start, type: /** @type {const} */ ("noteOn"), noteNumber: pitch, velocity },
    { tick: end, type: /** @type {const} */ ("noteOff"), noteNumber: pitch, velocity: 0 },
  ]);
  // An end comes before a beginning at the same tick, or a repeated note would be cut at once.
  events.sort((a, b) => a.tick - b.tick || a.type.localeCompare(b.type));
  let now = 0;
  /** @type {import("midi-file").MidiEvent[]} */
  const result = [
    { deltaTime: 0, meta: true, type: "trackName", text: `Timbre ${timbre + 1}` },
    {
      deltaTime: 0,
      channel,
      type: "programChange",
      programNumber: PROGRAMS[timbre % PROGRAMS.length],
    },
  ];
  for (const { tick, type, noteNumber, velocity } of events) {
    result.push({ deltaTime: tick - now, channel, type, noteNumber, velocity });
    now = tick;
  }
  result.push({ deltaTime: 0, meta: true, type: "endOfTrack" });
  return result;
}

/**
 * midi-file writes one byte a character.
 * @param {string} text
 */
function asciiOf(text) {
  return text.replace(/[^\x20-\x7e]/g, "_");
}
