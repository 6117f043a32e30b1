/** Between seconds and beats: what a MIDI file's tempo events say. */

/** How far a beat may lie from where the tempo before it puts it, and that tempo go on. */
const MERGED_MICROSECONDS = 500;

/**
 * @typedef {object} Stretch of one tempo, up to the next one
 * @property {number} beat its first, counted from the file's beginning; whole
 * @property {number} microseconds from the file's beginning
 * @property {number} perBeat microseconds, whole
 */

/**
 * The stretches of a piece: from 0 to its first beat, and then from beat to beat. Before the first
 * beat are about as many beats as fit there; if none fits, the first is at 0.
 *
 * @param {number[]} beats seconds, ascending, 2 or more
 * @returns {Stretch[]}
 * @throws {RangeError} if they are invalid
 */
export function stretchesOf(beats) {
  const micros = beats.map((seconds) => Math.round(1e6 * seconds));
  if (!(micros.length >= 2 && micros.every((at, i) => (i > 0 ? at > micros[i - 1] : at >= 0)))) {
    throw new RangeError(`beats are ${beats.length} times; give 2 or more, ascending from 0 on`);
  }
  const lead = leadOf(beats);
  /** @type {Stretch[]} */
  const stretches = [];
  let at = 0;
  let beat = 0;
  const reach = (/** @type {number} */ target, /** @type {number} */ count) => {
    const last = stretches.at(-1);
    const goesOn = last && Math.abs(at + count * last.perBeat - target) <= MERGED_MICROSECONDS;
    const perBeat = goesOn ? last.perBeat : Math.round((target - at) / count);
    if (!goesOn) stretches.push({ beat, microseconds: at, perBeat });
    at += count * perBeat;
    beat += count;
  };
  if (lead > 0) reach(micros[0], lead);
  for (const target of micros.slice(1)) reach(target, 1);
  return stretches;
}

/**
 * Beats from the file's beginning to the first one given: as many as fit.
 * @param {number[]} beats seconds, ascending, 2 or more
 */
export function leadOf(beats) {
  return Math.round(beats[0] / (beats[1] - beats[0]));
}

/**
 * Beats from the file's beginning at a time; the last tempo goes on for ever.
 * @param {Stretch[]} stretches
 * @param {number} seconds 0 or more
 */
export function beatAt(stretches, seconds) {
  const micros = 1e6 * seconds;
  let [low, high] = [0, stretches.length - 1];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (stretches[middle].microseconds <= micros) low = middle;
    else high = middle - 1;
  }
  const { beat, microseconds, perBeat } = stretches[low];
  return beat + (micros - microseconds) / perBeat;
}
