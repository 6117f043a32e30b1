/**
 * Beats from notes. The tempo is followed through the piece by repetition after one, two and four
 * beats; then dynamic programming places the beats, after Ellis, "Beat Tracking by Dynamic
 * Programming" (2007), with a beat length that may change.
 */

/** Steps per second of the onsets' strength. */
const RATE = 100;
/** Standard deviation of an onset's bell curve, in steps. */
const WIDTH = 2;
/** Shortest and longest beat, in seconds, and the number of lengths to try. */
const SHORTEST = 60 / 220;
const LONGEST = 60 / 40;
const PERIODS = 96;
/** The most likely beat a priori, and the penalty of others. */
const USUAL = 60 / 108;
const USUAL_OCTAVES = 0.7;
/** Seconds of a moment, and how many moments to either side help to determine its tempo. */
const HOP = 1;
const AROUND = 4;
/** Lags at which onsets are compared with others, in steps: up to four of the longest beats. */
const MOST_LAGS = Math.ceil(4 * RATE * LONGEST) + 2;
/** Of each lag. */
const OCTAVES = Float64Array.from({ length: MOST_LAGS }, (_, lag) => Math.log2(lag));
/** Cost of a change of tempo, per octave. */
const INERTIA = 12;
/** Cost of a beat of another length than the tempo's, per octave squared. */
const TIGHTNESS = 60;
/** Largest root mean square distance of beats from an even tempo, in seconds, that counts as one. */
const EVEN = 0.025;

/** @typedef {import("../transcribe.js").Note} Note */

/**
 * @typedef {object} Beats
 * @property {number[]} times seconds, ascending; none if fewer than four notes begin apart
 * @property {number} bpm of the middle beat; 0 without beats
 * @property {boolean} even whether they keep one tempo
 */

/**
 * The beats of a piece, from its first note to its last.
 * @param {Pick<Note, "start" | "end" | "pitch" | "velocity">[]} notes
 * @returns {Beats}
 */
export function trackBeats(notes) {
  const none = { times: [], bpm: 0, even: false };
  const starts = [...new Set(notes.map((note) => Math.round(note.start * RATE)))];
  if (starts.length < 4) return none;
  const first = starts.reduce((least, start) => Math.min(least, start)) / RATE;
  const strength = strengthOf(notes, first);
  const periods = followTempo(strength);
  const times = placeBeats(strength, periods).map((step) => first + step / RATE);
  if (times.length < 3) return none;
  return describe(evenOut(times.map((time) => Math.max(0, time))));
}

/**
 * Twice as many beats: one more between any two.
 * @param {number[]} times
 * @returns {number[]}
 */
export function doubleBeats(times) {
  return times.flatMap((time, i) => (i > 0 ? [(times[i - 1] + time) / 2, time] : [time]));
}

/**
 * Half as many beats: every other.
 * @param {number[]} times
 * @param {0 | 1} [from] the first that stays
 * @returns {number[]}
 */
export function halveBeats(times, from = 0) {
  return times.filter((_, i) => i % 2 === from);
}

/** @param {number[]} times @returns {Beats} */
function describe(times) {
  const lengths = times.slice(1).map((time, i) => time - times[i]);
  const middle = [...lengths].sort((a, b) => a - b)[lengths.length >> 1];
  const even = lengths.every((length) => Math.abs(length - middle) < 1e-6);
  return { times, bpm: 60 / middle, even };
}

/**
 * The strength of onsets, step by step from a time on.
 * @param {Pick<Note, "start" | "end" | "pitch" | "velocity">[]} notes
 * @param {number} from seconds
 */
function strengthOf(notes, from) {
  const latest = notes.reduce((most, note) => Math.max(most, note.start), 0);
  const sums = new Float64Array(Math.ceil((latest - from) * RATE) + 1 + 4 * WIDTH);
  for (const { start, end, pitch, velocity } of notes) {
    const long = Math.min(1, (end - start) / 0.5);
    const weight = (0.3 + velocity) * (0.6 + 0.6 * long) * (pitch < 52 ? 1.4 : 1);
    const centre = (start - from) * RATE;
    const low = Math.max(0, Math.ceil(centre - 4 * WIDTH));
    const high = Math.min(sums.length - 1, Math.floor(centre + 4 * WIDTH));
    for (let i = low; i <= high; i++) {
      sums[i] += weight * Math.exp(-0.5 * ((i - centre) / WIDTH) ** 2);
    }
  }
  return sums.map((sum) => Math.log1p(sum));
}

/** Beat lengths to try, in steps: evenly on a logarithmic scale. */
const TRIED = Float64Array.from(
  { length: PERIODS },
  (_, i) => RATE * SHORTEST * (LONGEST / SHORTEST) ** (i / (PERIODS - 1)),
);
/** Octaves from one to the next. */
const APART = Math.log2(LONGEST / SHORTEST) / (PERIODS - 1);

/**
 * The length of a beat at every step, by the best path through the scores of each moment.
 * @param {Float64Array} strength
 * @returns {Float64Array} in steps
 */
function followTempo(strength) {
  const mean = strength.reduce((sum, value) => sum + value, 0) / strength.length;
  const centred = strength.map((value) => value - mean);
  const moments = Math.max(1, Math.ceil(strength.length / (HOP * RATE)));
  const products = Array.from({ length: moments }, (_, moment) => correlate(centred, moment));
  /** @type {Int16Array[]} */
  const from = [];
  let scores = new Float64Array(PERIODS);
  for (let moment = 0; moment < moments; moment++) {
    const heard = hearTempo(products.slice(Math.max(0, moment - AROUND), moment + AROUND + 1));
    const next = new Float64Array(PERIODS);
    const before = new Int16Array(PERIODS);
    for (let i = 0; i < PERIODS; i++) {
      let best = -Infinity;
      for (let j = 0; j < PERIODS; j++) {
        const score = scores[j] - INERTIA * Math.abs(i - j) * APART;
        if (score > best) {
          best = score;
          before[i] = j;
        }
      }
      next[i] = best + heard[i];
    }
    from.push(before);
    scores = next;
  }
  let state = scores.indexOf(Math.max(...scores));
  const path = new Float64Array(moments);
  for (let moment = moments - 1; moment >= 0; moment--) {
    path[moment] = TRIED[state];
    state = from[moment][state];
  }
  return Float64Array.from(strength, (_, t) => {
    const at = Math.min(moments - 1, Math.max(0, t / (HOP * RATE) - 0.5));
    const low = Math.floor(at);
    const high = Math.min(moments - 1, low + 1);
    return path[low] + (at - low) * (path[high] - path[low]);
  });
}

/**
 * The sums of the onsets' products with those after each lag, over one moment.
 * @param {Float64Array} centred
 * @param {number} moment
 * @returns {Float64Array} by lag in steps
 */
function correlate(centred, moment) {
  const [start, end] = [moment * HOP * RATE, (moment + 1) * HOP * RATE];
  return Float64Array.from({ length: MOST_LAGS }, (_, lag) => {
    let sum = 0;
    const last = Math.min(end, centred.length - lag);
    for (let t = start; t < last; t++) sum += centred[t] * centred[t + lag];
    return sum;
  });
}

/**
 * The score of each beat length for the moments around one.
 * @param {Float64Array[]} products
 */
function hearTempo(products) {
  const sum = (/** @type {number} */ lag) => products.reduce((all, one) => all + one[lag], 0);
  const power = sum(0) + 1e-9;
  const at = (/** @type {number} */ lag) => {
    const whole = Math.floor(lag);
    return (sum(whole) + (lag - whole) * (sum(whole + 1) - sum(whole))) / power;
  };
  return TRIED.map((period) => {
    const doubt = Math.log2(period / (RATE * USUAL)) / USUAL_OCTAVES;
    const returning = 0.25 * at(period / 2) + at(period) + 0.5 * at(2 * period) + 0.25 * at(4 * period);
    return returning - 0.25 * doubt ** 2;
  });
}

/**
 * Steps of the beats: the path that gathers the most strength at distances near the beat's length.
 * @param {Float64Array} strength
 * @param {Float64Array} periods
 * @returns {number[]}
 */
function placeBeats(strength, periods) {
  const deviation = Math.sqrt(strength.reduce((sum, x) => sum + x * x, 0) / strength.length) || 1;
  const total = new Float64Array(strength.length);
  const before = new Int32Array(strength.length).fill(-1);
  for (let t = 0; t < strength.length; t++) {
    const period = periods[t];
    const octaves = Math.log2(period);
    let best = 0; // a first beat
    for (let gap = Math.round(period / 2); gap <= 2 * period && gap <= t; gap++) {
      const score = total[t - gap] - TIGHTNESS * (OCTAVES[gap] - octaves) ** 2;
      if (score > best) {
        best = score;
        before[t] = t - gap;
      }
    }
    total[t] = strength[t] / deviation + best;
  }
  let end = strength.length - 1;
  const tail = Math.max(0, Math.floor(strength.length - 1.5 * periods[end]));
  for (let t = end; t >= tail; t--) if (total[t] > total[end]) end = t;
  const steps = [];
  for (let t = end; t >= 0; t = before[t]) steps.unshift(t);
  return steps;
}

/**
 * Beats of one even tempo, if the given ones nearly keep it.
 * @param {number[]} times
 */
function evenOut(times) {
  const middle = (times.length - 1) / 2;
  const mean = times.reduce((sum, time) => sum + time, 0) / times.length;
  let [across, square] = [0, 0];
  times.forEach((time, i) => {
    across += (i - middle) * (time - mean);
    square += (i - middle) ** 2;
  });
  const length = across / square;
  const line = times.map((_, i) => mean + (i - middle) * length);
  const off = Math.sqrt(times.reduce((sum, time, i) => sum + (time - line[i]) ** 2, 0) / times.length);
  return off <= EVEN && line[0] >= 0 ? line : times;
}
