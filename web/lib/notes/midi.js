/** Notes → a Standard MIDI File (RP-001, format 1). */

import { PLAIN_BARS } from "./bars.js";
import { beatAt, leadOf, stretchesOf } from "./tempo.js";

/** Ticks a beat, the usual ones first: some programs refuse a file that has too many in all. */
const DIVISIONS = Object.freeze([480, 960, 240, 1920, 3840]);
/** A tick is at most this long, so that a time is off by half of it: 1 ms. */
const LONGEST_TICK_MICROSECONDS = 2000;
/** pretty_midi takes a file with more ticks for a damaged one. */
const MOST_TICKS = 1e7;
/** Channels for timbres: all but the tenth, which General MIDI keeps for drums. */
const CHANNELS = Object.freeze([0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12, 13, 14, 15]);
/** A piano, since a timbre's instrument is unknown. */
const PROGRAM = 0;

/** @typedef {{tick: number, bytes: number[]}} Event of a track */

/**
 * A track with the tempo, then one track a timbre. Times are exact to 1 ms, whatever the tempo.
 *
 * Where two notes of one pitch and timbre overlap, which MIDI cannot say, the earlier one ends
 * where the later begins.
 *
 * @param {import("../transcribe.js").Note[]} notes
 * @param {object} [options]
 * @param {number} [options.bpm] what the file calls the tempo, where there are no `beats`
 * @param {number[]} [options.beats] seconds, 2 or more: a tempo map with these beats
 * @param {import("./bars.js").Bars} [options.bars] where those beats begin bars; default: fours from
 *   the file's beginning
 * @param {string} [options.name] of the piece
 * @param {string[]} [options.names] of the timbres; default: "Timbre 1" …
 * @returns {Uint8Array<ArrayBuffer>}
 * @throws {RangeError} if bpm is not in 10 … 1000, or the beats are invalid
 */
export function toMidi(notes, { bpm = 120, beats, bars, name = "Transcription", names = [] } = {}) {
  if (!(bpm >= 10 && bpm <= 1000)) {
    throw new RangeError(`the tempo is ${bpm}; give beats a minute from 10 to 1000`);
  }
  const stretches = stretchesOf(beats ?? [0, 60 / bpm]);
  const end = notes.reduce((latest, note) => Math.max(latest, note.end), 0);
  const slowest = stretches.reduce((longest, { perBeat }) => Math.max(longest, perBeat), 0);
  const total = beatAt(stretches, end);
  const division =
    DIVISIONS.find(
      (ticks) => slowest <= ticks * LONGEST_TICK_MICROSECONDS && total * ticks < MOST_TICKS,
    ) ?? DIVISIONS[0];
  const tickAt = (/** @type {number} */ seconds) =>
    Math.round(division * beatAt(stretches, seconds));
  const timbres = [...new Set(notes.map((note) => note.timbre))].sort((a, b) => a - b);
  const heading = [
    { tick: 0, bytes: text(name) },
    ...signatures(beats, bars).map(({ beat, meter }) => ({
      tick: division * beat,
      bytes: [0xff, 0x58, 4, meter, 2, 24, 8], // meter/4
    })),
    ...stretches.map(({ beat, perBeat }) => ({
      tick: division * beat,
      bytes: [0xff, 0x51, 3, perBeat >> 16, (perBeat >> 8) & 0xff, perBeat & 0xff],
    })),
  ].sort((a, b) => a.tick - b.tick);
  const tracks = timbres.map((timbre) => {
    const channel = CHANNELS[timbre % CHANNELS.length];
    const own = notes.filter((note) => note.timbre === timbre);
    return [
      { tick: 0, bytes: text(names[timbre] || `Timbre ${timbre + 1}`) },
      { tick: 0, bytes: [0xc0 | channel, PROGRAM] },
      ...keystrokes(own, channel, tickAt),
    ];
  });
  const header = [0, 1, 0, tracks.length + 1, division >> 8, division & 0xff];
  return join([chunk("MThd", header), ...[heading, ...tracks].map(track)]);
}

/**
 * Meters, and the beats that they begin at: a pick-up is a bar of its own.
 * @param {number[]} [beats]
 * @param {import("./bars.js").Bars} [bars]
 */
function signatures(beats, bars) {
  if (!beats || !bars) return [{ beat: 0, meter: PLAIN_BARS.meter }];
  const { meter, first } = bars;
  const pickUp = (leadOf(beats) + first) % meter;
  return [...(pickUp > 0 ? [{ beat: 0, meter: pickUp }] : []), { beat: pickUp, meter }];
}

/**
 * @param {import("../transcribe.js").Note[]} notes
 * @param {number} channel
 * @param {(seconds: number) => number} tickAt
 * @returns {Event[]} by tick
 */
function keystrokes(notes, channel, tickAt) {
  /** @type {Map<number, {start: number, end: number, pitch: number, velocity: number}>} */
  const latest = new Map();
  const timed = [];
  for (const note of [...notes].sort((a, b) => a.start - b.start)) {
    const start = tickAt(note.start);
    const entry = {
      start,
      end: Math.max(start + 1, tickAt(note.end)),
      pitch: note.pitch,
      velocity: Math.min(127, Math.max(1, Math.round(127 * note.velocity))),
    };
    const before = latest.get(note.pitch);
    if (before) before.end = Math.min(before.end, Math.max(before.start + 1, start));
    latest.set(note.pitch, entry);
    timed.push(entry);
  }
  const events = timed.flatMap(({ start, end, pitch, velocity }) => [
    { tick: start, bytes: [0x90 | channel, pitch, velocity] },
    { tick: end, bytes: [0x80 | channel, pitch, 0] },
  ]);
  // An end comes before a beginning at the same tick, or a repeated note would be cut at once.
  return events.sort((a, b) => a.tick - b.tick || a.bytes[0] - b.bytes[0]);
}

/**
 * A track's name, in UTF-8.
 * @param {string} name
 */
function text(name) {
  const bytes = new TextEncoder().encode(name.replace(/\p{Cc}/gu, " "));
  return [0xff, 0x03, ...variableLength(bytes.length), ...bytes];
}

/** @param {Event[]} events by tick */
function track(events) {
  const bytes = [];
  let now = 0;
  for (const event of events) {
    bytes.push(...variableLength(event.tick - now), ...event.bytes);
    now = event.tick;
  }
  return chunk("MTrk", [...bytes, 0, 0xff, 0x2f, 0]);
}

/**
 * Seven bits a byte, the highest first, all but the last marked.
 * @param {number} value whole, below 2^28
 */
function variableLength(value) {
  const bytes = [value & 0x7f];
  for (let rest = value >> 7; rest > 0; rest >>= 7) bytes.unshift(0x80 | (rest & 0x7f));
  return bytes;
}

/** @param {string} kind four letters @param {number[]} content */
function chunk(kind, content) {
  const chunk = new Uint8Array(8 + content.length);
  new TextEncoder().encodeInto(kind, chunk);
  new DataView(chunk.buffer).setUint32(4, content.length);
  chunk.set(content, 8);
  return chunk;
}

/** @param {Uint8Array[]} parts */
function join(parts) {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
