/**
 * Notes from activations: the note rules of Basic Pitch (Bittner et al. 2022, arXiv 2203.09893).
 *
 * An activation is a flat Float32Array of PITCHES × frames, pitch after pitch: the value of row r
 * at frame t is `activation[r * frames + t]`, in [0, 1]. Activations are compared in float32, as
 * numpy would, so that the same activations give the same notes everywhere.
 */

/** Rows of an activation. */
export const PITCHES = 84;
/** MIDI number of row 0 (C1). */
export const LOWEST_PITCH = 24;
/** Frame t is at t × SECONDS_PER_FRAME: 256 samples at 22 050 Hz. */
export const SECONDS_PER_FRAME = 256 / 22050;

/**
 * @typedef {object} Thresholds
 * @property {number} frame activation above which a pitch sounds, in [0, 1]
 * @property {number} onset activation at or above which a note begins, in [0, 1]
 * @property {number} [minimumFrames] a shorter note is dropped; default 6
 * @property {number} [toleranceFrames] frames under the frame threshold that end a note; default 10
 */

/**
 * @typedef {object} FrameNote
 * @property {number} startFrame
 * @property {number} endFrame exclusive
 * @property {number} pitch MIDI number, LOWEST_PITCH to LOWEST_PITCH + PITCHES - 1
 * @property {number} velocity mean frame activation over the note, in [0, 1]
 */

/**
 * All notes, by start and then pitch.
 *
 * Takes PITCHES × frames bytes of memory and no randomness.
 *
 * @param {Float32Array} onset PITCHES × frames, in [0, 1]
 * @param {Float32Array} frame PITCHES × frames, in [0, 1]
 * @param {number} frames
 * @param {Thresholds} thresholds
 * @returns {FrameNote[]}
 * @throws {RangeError} if the lengths disagree, a value is not finite, or a threshold is outside
 *   its range
 */
export function makeNotes(onset, frame, frames, thresholds) {
  const { minimumFrames, toleranceFrames } = checkThresholds(thresholds);
  checkActivation("onset", onset, frames);
  checkActivation("frame", frame, frames);
  // Rounded to float32 like the activations: 0.31 must equal the cell 0.31f.
  const frameLevel = Math.fround(thresholds.frame);
  const onsetLevel = Math.fround(thresholds.onset);

  const taken = new Uint8Array(frame.length); // 1: a note, or beside one; counts as 0
  /** @type {FrameNote[]} */
  const notes = [];

  /**
   * Walk until the map has been quiet for the tolerance, or to the border.
   * @param {number} row
   * @param {number} start
   * @param {1 | -1} step
   * @returns {number} where the quiet stretch began
   */
  function walk(row, start, step) {
    const base = row * frames;
    let quiet = 0;
    let t = start;
    while (t >= 0 && t < frames && quiet < toleranceFrames) {
      quiet = (taken[base + t] ? 0 : frame[base + t]) < frameLevel ? quiet + 1 : 0;
      t += step;
    }
    return t - step * quiet;
  }

  /**
   * Take a note and its neighbouring pitches off the map; record the note if long enough.
   * @param {number} row
   * @param {number} start
   * @param {number} end
   */
  function take(row, start, end) {
    const last = Math.min(PITCHES - 1, row + 1);
    for (let r = Math.max(0, row - 1); r <= last; r++) {
      taken.fill(1, r * frames + start, r * frames + end);
    }
    if (end - start < minimumFrames) return;
    let sum = 0;
    for (let i = row * frames + start; i < row * frames + end; i++) sum += frame[i];
    notes.push({
      startFrame: start,
      endFrame: end,
      pitch: LOWEST_PITCH + row,
      velocity: sum / (end - start),
    });
  }

  for (const cell of onsetCandidates(onset, frame, frames, onsetLevel)) {
    const row = cell % PITCHES;
    const start = (cell - row) / PITCHES;
    const end = walk(row, start, 1);
    if (end - start >= minimumFrames) take(row, start, end);
  }
  // Cells only ever drop to zero, so one sorting serves every "largest that remains".
  for (const index of loudestFirst(frame, taken, frames, frameLevel)) {
    if (taken[index]) continue;
    const row = Math.floor(index / frames);
    const peak = index - row * frames;
    take(row, walk(row, peak, -1) + 1, walk(row, peak, 1));
  }
  return notes.sort((a, b) => a.startFrame - b.startFrame || a.pitch - b.pitch);
}

/**
 * Fill in the defaults.
 * @param {Thresholds} thresholds
 * @returns {Required<Thresholds>}
 * @throws {RangeError} naming the threshold, its value and its range
 */
export function checkThresholds({ frame, onset, minimumFrames = 6, toleranceFrames = 10 }) {
  for (const [name, value] of Object.entries({ frame, onset })) {
    if (!(value >= 0 && value <= 1)) {
      throw new RangeError(`the ${name} threshold is ${value}; give a number from 0 to 1`);
    }
  }
  for (const [name, value] of Object.entries({ minimumFrames, toleranceFrames })) {
    if (!(Number.isInteger(value) && value >= 1)) {
      throw new RangeError(`${name} is ${value}; give a whole number of frames, 1 or more`);
    }
  }
  return { frame, onset, minimumFrames, toleranceFrames };
}

/**
 * @param {string} name
 * @param {Float32Array} activation
 * @param {number} frames
 */
function checkActivation(name, activation, frames) {
  if (activation.length !== PITCHES * frames) {
    throw new RangeError(
      `${name} has ${activation.length} values, ${PITCHES} × ${frames} were expected`,
    );
  }
  for (let i = 0; i < activation.length; i++) {
    if (!Number.isFinite(activation[i])) {
      throw new RangeError(`${name} holds ${activation[i]} at index ${i}: not an activation`);
    }
  }
}

/**
 * How steeply the frame activation rises: the smallest of the differences to the three frames
 * before; 0 where it falls, and in the first three frames.
 * @param {Float32Array} frame
 * @param {number} base index of the row's first frame
 * @param {number} t
 */
function riseAt(frame, base, t) {
  if (t < 3) return 0;
  const now = frame[base + t];
  const rise = Math.min(
    now - frame[base + t - 1],
    now - frame[base + t - 2],
    now - frame[base + t - 3],
  );
  return Math.max(0, Math.fround(rise));
}

/**
 * Strict local maxima in time of the larger of predicted and inferred onset, at or above the
 * level; a plateau counts once, at its start.
 * @param {Float32Array} onset
 * @param {Float32Array} frame
 * @param {number} frames
 * @param {number} level
 * @returns {number[]} frame × PITCHES + row: last frame first, high pitch before low
 */
function onsetCandidates(onset, frame, frames, level) {
  let steepest = 0;
  let strongest = 0;
  for (let row = 0; row < PITCHES; row++) {
    for (let t = 0; t < frames; t++) {
      steepest = Math.max(steepest, riseAt(frame, row * frames, t));
      strongest = Math.max(strongest, onset[row * frames + t]);
    }
  }
  /** @type {number[]} */
  const cells = [];
  for (let row = 0; row < PITCHES; row++) {
    const base = row * frames;
    let before = -Infinity; // outside the recording
    let plateau = -1; // where the present rise or plateau began; -1 while falling
    for (let t = 0; t <= frames; t++) {
      let now = -Infinity;
      if (t < frames) {
        const inferred =
          steepest > 0
            ? Math.fround(Math.fround(strongest * riseAt(frame, base, t)) / steepest)
            : 0;
        now = Math.max(onset[base + t], inferred);
      }
      if (now > before) plateau = t;
      else if (now < before) {
        if (plateau >= 0 && before >= level) cells.push(plateau * PITCHES + row);
        plateau = -1;
      }
      before = now;
    }
  }
  return cells.sort((a, b) => b - a);
}

/**
 * Indices of the cells strictly above the level: largest first, then earliest, then lowest.
 * @param {Float32Array} frame
 * @param {Uint8Array} taken cells to leave out
 * @param {number} frames
 * @param {number} level
 * @returns {Uint32Array}
 */
function loudestFirst(frame, taken, frames, level) {
  let count = 0;
  for (let i = 0; i < frame.length; i++) if (frame[i] > level && !taken[i]) count++;
  const indices = new Uint32Array(count);
  count = 0;
  // Filled by frame and then row, so that a stable sort leaves equals in that order.
  for (let t = 0; t < frames; t++) {
    for (let row = 0; row < PITCHES; row++) {
      const i = row * frames + t;
      if (frame[i] > level && !taken[i]) indices[count++] = i;
    }
  }
  return indices.sort((a, b) => frame[b] - frame[a]);
}
