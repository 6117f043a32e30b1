/** Beats of one tempo that somebody gives. */

/** @typedef {import("../transcribe.js").Note} Note */

/** Tempos that can be given. */
export const SLOWEST_BPM = 20;
export const FASTEST_BPM = 400;

/**
 * Beats of an even tempo, laid so that as many notes as possible begin on or near one: their mean
 * phase, the strong notes counting most.
 * @param {Pick<Note, "start" | "end" | "velocity">[]} notes
 * @param {number} bpm from SLOWEST_BPM to FASTEST_BPM
 * @returns {number[]} seconds, from the beginning to past the last note; 2 or more
 * @throws {RangeError} if bpm is out of range
 */
export function steadyBeats(notes, bpm) {
  if (!(bpm >= SLOWEST_BPM && bpm <= FASTEST_BPM)) {
    throw new RangeError(`the tempo is ${bpm}; give beats a minute from ${SLOWEST_BPM} to ${FASTEST_BPM}`);
  }
  const length = 60 / bpm;
  let [x, y, end] = [0, 0, 0];
  for (const note of notes) {
    const angle = (2 * Math.PI * note.start) / length;
    x += note.velocity * Math.cos(angle);
    y += note.velocity * Math.sin(angle);
    end = Math.max(end, note.end);
  }
  const turn = Math.atan2(y, x) / (2 * Math.PI);
  const first = (turn - Math.floor(turn)) * length;
  const count = Math.max(2, Math.ceil((end - first) / length) + 1);
  return Array.from({ length: count }, (_, i) => first + i * length);
}

/**
 * The tempo of the middle beat; 0 of fewer than two beats.
 * @param {number[]} beats seconds, ascending
 */
export function bpmOf(beats) {
  if (beats.length < 2) return 0;
  const lengths = beats.slice(1).map((time, i) => time - beats[i]);
  return 60 / lengths.sort((a, b) => a - b)[lengths.length >> 1];
}
