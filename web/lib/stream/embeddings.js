/**
 * Embeddings of the spans in which notes can lie, computed and kept in batches.
 *
 * A batch puts its spans one after the other, each with the frames on either side that the `embed`
 * stage reads, so that one run serves all of them.
 */

/** Channels of the encoder's features. */
export const FEATURE_CHANNELS = 16;
/** Bins of the features, and of the energies. */
export const BINS = 252;
/** Bins that the embedding of a pitch needs, starting one below its own three. */
const REACH = 3;
/** Bytes of the features of one frame of a pitch. */
export const CELL_BYTES = 4 * FEATURE_CHANNELS * REACH;
/** Approximate frames of a batch. */
const BATCH_FRAMES = 16384;

/** @typedef {import("../notes/spans.js").Span} Span */
/** @typedef {Span & {at: number}} Placed at: where in its batch the frame `start` lies */

/** Spans with their features, and later their embeddings. */
class Batch {
  /** @param {Span[]} spans by start @param {number} halo frames to either side */
  constructor(spans, halo) {
    this.halo = halo;
    let at = 0;
    /** @type {Placed[]} */
    this.spans = spans.map((span) => {
      const placed = { ...span, at: at + halo };
      at += span.end - span.start + 2 * halo;
      return placed;
    });
    this.frames = at;
    this.start = Math.min(...spans.map((span) => span.start)) - halo;
    this.end = Math.max(...spans.map((span) => span.end)) + halo;
    /** @type {Float32Array<ArrayBuffer> | null} FEATURE_CHANNELS × REACH × frames */
    this.cells = null;
    /** @type {Float32Array | null} EMBEDDING_SIZE × frames */
    this.embedding = null;
  }

  /**
   * Copy a chunk's features around the spans.
   * @param {Float32Array} features FEATURE_CHANNELS × BINS × width
   * @param {import("./chunks.js").Chunk} chunk whose `from` is the features' first frame
   */
  gather(features, { start, end, from, to }) {
    if (this.start >= end || this.end <= start) return;
    this.cells ??= new Float32Array(FEATURE_CHANNELS * REACH * this.frames).fill(NaN);
    const width = to - from;
    for (const span of this.spans) {
      const first = Math.max(start, span.start - this.halo);
      const last = Math.min(end, span.end + this.halo);
      if (first >= last) continue;
      for (let plane = 0; plane < FEATURE_CHANNELS * REACH; plane++) {
        const bin = REACH * span.row - 1 + (plane % REACH);
        if (bin < 0) continue;
        const base = (Math.floor(plane / REACH) * BINS + bin) * width - from;
        const target = plane * this.frames + span.at + first - span.start;
        this.cells.set(features.subarray(base + first, base + last), target);
      }
    }
  }

  /**
   * The features, padded with the mean below the lowest bin and beyond the recording. Features that
   * were not gathered stay NaN, so that they are noticed.
   * @param {ArrayLike<number>} mean one a channel
   * @param {number} frames of the recording
   */
  padded(mean, frames) {
    const cells = this.cells;
    if (!cells) throw new Error("this batch has no features");
    for (const { row, start, end, at } of this.spans) {
      for (let plane = 0; plane < FEATURE_CHANNELS * REACH; plane++) {
        const value = mean[Math.floor(plane / REACH)];
        const base = plane * this.frames + at - start;
        const nothing = REACH * row - 1 + (plane % REACH) < 0;
        const before = nothing ? end + this.halo : 0;
        if (start - this.halo < before) cells.fill(value, base + start - this.halo, base + before);
        if (end + this.halo > frames) cells.fill(value, base + frames, base + end + this.halo);
      }
    }
    return cells;
  }
}

/** The embeddings of one recording. */
export class Embeddings {
  /** @param {number} halo frames that the `embed` stage reads to either side */
  constructor(halo) {
    this._halo = halo;
    /** @type {Map<number, {span: Placed, batch: Batch}[]>} by row, each by start */
    this._rows = new Map();
  }

  /**
   * Divide spans into batches.
   * @param {Span[]} spans
   * @param {number} [mostFrames] of a batch, unless a span alone is longer
   * @returns {Batch[]} by time
   */
  plan(spans, mostFrames = BATCH_FRAMES) {
    const batches = [];
    /** @type {Span[]} */
    let open = [];
    let frames = 0;
    for (const span of [...spans].sort((a, b) => a.start - b.start)) {
      open.push(span);
      frames += span.end - span.start + 2 * this._halo;
      if (frames < Math.min(BATCH_FRAMES, mostFrames)) continue;
      batches.push(new Batch(open, this._halo));
      open = [];
      frames = 0;
    }
    if (open.length > 0) batches.push(new Batch(open, this._halo));
    return batches;
  }

  /**
   * Keep the embeddings of a batch, and free its features.
   * @param {Batch} batch
   * @param {Float32Array} embedding EMBEDDING_SIZE × frames of the batch
   */
  keep(batch, embedding) {
    batch.embedding = embedding;
    batch.cells = null;
    for (const span of batch.spans) {
      const row = this._rows.get(span.row) ?? [];
      row.push({ span, batch });
      this._rows.set(span.row, row);
    }
    for (const row of this._rows.values()) row.sort((a, b) => a.span.start - b.span.start);
  }

  /**
   * Whether a span's embeddings are kept.
   * @param {Span} wanted
   */
  has(wanted) {
    return this._find(wanted) !== undefined;
  }

  /**
   * The embeddings of a span.
   * @param {Span} wanted
   * @returns {import("../timbres/timbres.js").Stretch}
   * @throws {RangeError} if they are not kept
   */
  read(wanted) {
    const found = this._find(wanted);
    if (!found?.batch.embedding) {
      throw new RangeError(`no embeddings of row ${wanted.row}, frame ${wanted.start}`);
    }
    const { span, batch } = found;
    return { data: found.batch.embedding, stride: batch.frames, at: span.at + wanted.start - span.start };
  }

  /** @param {Span} wanted */
  _find({ row, start, end }) {
    const spans = this._rows.get(row) ?? [];
    let [low, high] = [0, spans.length]; // those before `low` begin in time
    while (low < high) {
      const middle = (low + high) >> 1;
      if (spans[middle].span.start <= start) low = middle + 1;
      else high = middle;
    }
    // Spans of one call do not overlap; those of a later one may.
    while (low-- > 0) if (end <= spans[low].span.end) return spans[low];
    return undefined;
  }
}
