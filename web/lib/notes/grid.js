/** Notes moved to the nearest part of a beat. */

/** @typedef {import("../transcribe.js").Note} Note */

/** Parts of a beat, by their names if a beat is a quarter note. */
export const GRIDS = Object.freeze({ "1/8": 2, "1/8T": 3, "1/16": 4, "1/16T": 6 });

/**
 * Notes that begin and end on a grid; none is shorter than its step.
 * @param {Note[]} notes
 * @param {number[]} beats seconds, ascending, 2 or more; beyond them the first and last tempo continue
 * @param {number} parts of a beat, 1 or more
 * @returns {Note[]} new notes, in the same order
 * @throws {RangeError} if there are fewer than two beats, or parts is not a whole number
 */
export function snapToGrid(notes, beats, parts) {
  if (beats.length < 2) throw new RangeError(`${beats.length} beats; give 2 or more`);
  if (!(Number.isInteger(parts) && parts >= 1)) {
    throw new RangeError(`a beat in ${parts} parts; give a whole number, 1 or more`);
  }
  const first = Math.ceil(-parts * beatOf(0, beats)); // nothing moves before the recording
  return notes.map((note) => {
    const start = Math.max(-first, Math.round(parts * beatOf(note.start, beats)));
    const end = Math.max(start + 1, Math.round(parts * beatOf(note.end, beats)));
    return { ...note, start: timeOf(start / parts, beats), end: timeOf(end / parts, beats) };
  });
}

/**
 * Index of the beat before a time or a place; outside of the beats, of the nearest interval.
 * @param {(index: number) => boolean} isBefore
 * @param {number} beats
 */
function stretchOf(isBefore, beats) {
  let [low, high] = [0, beats - 2];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (isBefore(middle)) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** @param {number} seconds @param {number[]} beats @returns {number} place, 0 for the first beat */
function beatOf(seconds, beats) {
  const i = stretchOf((index) => beats[index] <= seconds, beats.length);
  return i + (seconds - beats[i]) / (beats[i + 1] - beats[i]);
}

/** @param {number} place @param {number[]} beats @returns {number} seconds */
function timeOf(place, beats) {
  const i = stretchOf((index) => index <= place, beats.length);
  return beats[i] + (place - i) * (beats[i + 1] - beats[i]);
}
