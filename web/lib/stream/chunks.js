/**
 * A recording in pieces: the frames that each run of a stage computes, and those that it reads.
 *
 * A stage reads a bounded number of frames on either side of the one that it computes (its halo).
 * Beyond the recording's ends the stage itself pads with zeros: so a piece has a halo wherever the
 * recording continues, and none where it begins or ends.
 */

/**
 * @typedef {object} Chunk frames of the recording
 * @property {number} start first frame that is computed
 * @property {number} end exclusive
 * @property {number} from first frame that is read, at most `start`
 * @property {number} to exclusive, at least `end`
 */

/** Freed pieces that are kept to be filled again: as many as one chunk reads. */
const MOST_SPARE = 3;

/**
 * Pieces that cover a recording once, in order.
 * @param {number} frames of the recording
 * @param {number} size frames that a piece computes, 1 or more; the last one has what remains
 * @param {number} halo frames seen to either side
 * @returns {Chunk[]}
 * @throws {RangeError} if a number is invalid
 */
export function planChunks(frames, size, halo) {
  for (const [name, value, least] of /** @type {const} */ ([
    ["frames", frames, 0],
    ["size", size, 1],
    ["halo", halo, 0],
  ])) {
    if (!(Number.isInteger(value) && value >= least)) {
      throw new RangeError(`${name} is ${value}; give a whole number, ${least} or more`);
    }
  }
  return Array.from({ length: Math.ceil(frames / size) }, (_, i) => {
    const start = i * size;
    const end = Math.min(frames, start + size);
    return { start, end, from: Math.max(0, start - halo), to: Math.min(frames, end + halo) };
  });
}

/**
 * Rows of values over time, kept piece by piece so that the memory of parts can be freed.
 */
export class ChunkedRows {
  /**
   * @param {number} rows
   * @param {number} frames of the recording
   * @param {number} size frames of a piece; the last one has what remains
   */
  constructor(rows, frames, size) {
    this.rows = rows;
    this.frames = frames;
    this.size = size;
    /** @type {(Float32Array | null)[]} rows × frames of the piece, row after row */
    this._pieces = Array.from({ length: Math.ceil(frames / size) }, () => null);
    // Pieces and copies are used again: as garbage they would add up to as much as is kept.
    /** @type {Float32Array[]} */
    this._spare = [];
    this._copy = new Float32Array(0);
  }

  /** @param {number} index of a piece */
  has(index) {
    return this._pieces[index] !== null;
  }

  /**
   * Keep a piece.
   * @param {Chunk} chunk that starts where a piece does
   * @param {Float32Array} data rows × (chunk.to − chunk.from); the halo is cut off
   */
  put(chunk, data) {
    const { start, end, from, to } = chunk;
    const length = this.rows * (end - start);
    const fits = this._spare.at(-1)?.length === length;
    const piece = (fits && this._spare.pop()) || new Float32Array(length);
    for (let row = 0; row < this.rows; row++) {
      const base = row * (to - from);
      piece.set(data.subarray(base + start - from, base + end - from), row * (end - start));
    }
    this._pieces[start / this.size] = piece;
  }

  /**
   * @param {number} from frame
   * @param {number} to exclusive
   * @returns {Float32Array<ArrayBuffer>} rows × (to − from), until the next call
   * @throws {RangeError} if a piece is not kept
   */
  read(from, to) {
    const width = to - from;
    if (this._copy.length !== this.rows * width) this._copy = new Float32Array(this.rows * width);
    const out = this._copy;
    for (let index = Math.floor(from / this.size); index * this.size < to; index++) {
      const piece = this._pieces[index];
      if (!piece) throw new RangeError(`frames ${from} to ${to} are not kept`);
      const first = index * this.size;
      const length = piece.length / this.rows;
      const begin = Math.max(from, first);
      const end = Math.min(to, first + length);
      for (let row = 0; row < this.rows; row++) {
        const base = row * length - first;
        out.set(piece.subarray(base + begin, base + end), row * width + begin - from);
      }
    }
    return out;
  }

  /**
   * Free the pieces that end before a frame.
   * @param {number} frame
   */
  dropBefore(frame) {
    const last = Math.min(this._pieces.length, Math.floor(frame / this.size));
    for (let index = 0; index < last; index++) {
      const piece = this._pieces[index];
      if (piece && this._spare.length < MOST_SPARE) this._spare.push(piece);
      this._pieces[index] = null;
    }
  }
}

/**
 * Copy a chunk's own frames into the whole.
 * @param {Float32Array} part rows × frames that the chunk sees
 * @param {Float32Array} target rows × frames of the recording
 * @param {number} rows
 * @param {Chunk} chunk
 * @returns {number} the largest value, or 0
 */
export function copyRows(part, target, rows, { start, end, from, to }) {
  const frames = target.length / rows;
  let highest = 0;
  for (let row = 0; row < rows; row++) {
    const base = row * (to - from) - from;
    const values = part.subarray(base + start, base + end);
    for (const value of values) if (value > highest) highest = value;
    target.set(values, row * frames + start);
  }
  return highest;
}
