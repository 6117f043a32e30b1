/**
 * Where bars begin: the meter, of three beats or four, and the beat of the first bar line at which
 * the beats that begin bars stand out most. They do where more and louder notes begin, a lower one,
 * a longer one, and where the harmony changes.
 */

/** The meters that are told apart. */
const METERS = Object.freeze([3, 4]);
/** Share of a beat around it in which notes begin with it. */
const NEAR = 0.2;
/** Pitch that stands for no note. */
const NONE = 90;
/** Fewest bars that tell anything. */
const FEWEST_BARS = 2;

/** @typedef {import("../transcribe.js").Note} Note */

/**
 * @typedef {object} Bars
 * @property {number} meter beats a bar: 3 or 4
 * @property {number} first index of the beat at the first bar line, below `meter`
 */

/** Where nothing tells: four beats a bar, from the first one on. @type {Readonly<Bars>} */
export const PLAIN_BARS = Object.freeze({ meter: 4, first: 0 });

/**
 * @param {Pick<Note, "start" | "end" | "pitch" | "velocity">[]} notes
 * @param {number[]} beats seconds, ascending
 * @param {readonly number[]} [meters] to choose from
 * @returns {Bars} from the first beat, if there are too few or all are alike
 */
export function findBars(notes, beats, meters = METERS) {
  const accents = accentsOf(notes, beats);
  const { meter: usual } = PLAIN_BARS;
  let best = { strength: 0, meter: meters.includes(usual) ? usual : meters[0], first: 0 };
  for (const meter of meters) {
    for (let first = 0; first < meter; first++) {
      const strength = contrast(accents, meter, first);
      if (strength > best.strength) best = { strength, meter, first };
    }
  }
  return { meter: best.meter, first: best.first };
}

/**
 * How much each beat stands out; the last, which has no length, is left out.
 * @param {Pick<Note, "start" | "end" | "pitch" | "velocity">[]} notes
 * @param {number[]} beats
 * @returns {number[]}
 */
export function accentsOf(notes, beats) {
  const count = Math.max(0, beats.length - 1);
  const rows = Array.from({ length: count }, () => ({
    loud: 0,
    lowest: NONE,
    longest: 0,
    chroma: new Float64Array(12),
  }));
  const sorted = [...notes].sort((a, b) => a.start - b.start);
  let at = 0; // the beat that the note belongs to
  for (const { start, end, pitch, velocity } of sorted) {
    const lengthOf = (/** @type {number} */ i) => beats[i + 1] - beats[i];
    while (at < count && start >= beats[at + 1] - NEAR * lengthOf(Math.min(at + 1, count - 1))) at++;
    if (at >= count) break;
    if (start < beats[at] - NEAR * lengthOf(at)) continue;
    const row = rows[at];
    row.chroma[pitch % 12] += velocity;
    if (start >= beats[at] + NEAR * lengthOf(at)) continue;
    row.loud += velocity;
    row.lowest = Math.min(row.lowest, pitch);
    row.longest = Math.max(row.longest, (end - start) / lengthOf(at));
  }
  const changes = rows.slice(1).map(({ chroma }, i) => 1 - cosine(chroma, rows[i].chroma));
  const usual = changes.reduce((sum, value) => sum + value, 0) / (changes.length || 1);
  const kinds = [
    rows.map(({ loud }) => Math.sqrt(loud)),
    rows.map(({ lowest }) => -lowest),
    rows.map(({ longest }) => Math.log(1 + longest)),
    [usual, ...changes].slice(0, count),
  ].map(standardise);
  return rows.map((_, i) => kinds.reduce((sum, values) => sum + values[i], 0));
}

/**
 * How far the beats that would begin bars stand out from the others, in standard errors.
 * @param {number[]} accents
 * @param {number} meter
 * @param {number} first
 */
function contrast(accents, meter, first) {
  let [on, off, bars] = [0, 0, 0];
  accents.forEach((value, i) => {
    if (i % meter === first) {
      on += value;
      bars++;
    } else off += value;
  });
  const others = accents.length - bars;
  if (bars < FEWEST_BARS) return 0;
  return (on / bars - off / others) * Math.sqrt((bars * others) / accents.length);
}

/** @param {number[]} values */
function standardise(values) {
  const mean = values.reduce((sum, value) => sum + value, 0) / (values.length || 1);
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length || 1);
  return values.map((value) => (value - mean) / (Math.sqrt(variance) + 1e-9));
}

/** @param {Float64Array} a @param {Float64Array} b */
function cosine(a, b) {
  const dot = (/** @type {Float64Array} */ x, /** @type {Float64Array} */ y) =>
    x.reduce((sum, value, k) => sum + value * y[k], 0);
  return dot(a, b) / Math.max(1e-9, Math.sqrt(dot(a, a) * dot(b, b)));
}
