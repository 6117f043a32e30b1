#include "front_end.h"

#include "block.h"
#include "circle.h"
#include "weights.h"

enum {
  OCTAVES = 8,
  OCTAVE_BINS = 36,
  HOP = 256,   // samples between two frames at the top octave's rate, halved with each octave
  TAPS = 277,  // of the longest kernel
  REACH = TAPS / 2,
  MARGIN = 160, // zeros before and after a signal: filters and kernels read into them
  PANEL = 4,    // bins that are computed together
  PANELS = OCTAVE_BINS / PANEL,
};

static float kernels[PANELS][TAPS][2 * PANEL]; // of each tap: four real parts, four imaginary ones
static int first_tap[PANELS], tap_count[PANELS];

void make_kernels(void) {
  const double step = 1.0194406437021448; // 2^(1/36): bins are a third of a semitone apart
  const double quality = 1 / (step - 1);
  double turns_a_sample = 32.07955284 * (1 << (OCTAVES - 1)) / (RATE_HZ / 2);
  clear(kernels, sizeof kernels);
  for (int bin = 0; bin < OCTAVE_BINS; bin++, turns_a_sample *= step) {
    double exact = quality / turns_a_sample;
    int length = (int)exact + (exact > (int)exact); // rounded up
    int start = (TAPS - length) / 2, panel = bin / PANEL;
    if (bin % PANEL == 0) { // the lowest bin of a panel has the longest kernel
      first_tap[panel] = start;
      tap_count[panel] = length;
    }
    // A Blackman–Harris window of sum 1. Its cosines sum up to nothing over a period, so only the
    // ends, one too many, are in the sum beside the mean: Σ = a0 (length − 1) + w(end).
    double sum = 0.35875 * (length - 1) + 0.35875 - 0.48829 + 0.14128 - 0.01168;
    for (int i = 0; i < length; i++) {
      double x = (double)i / (length - 1);
      double window = 0.35875 - 0.48829 * cosine(x) + 0.14128 * cosine(2 * x) -
                      0.01168 * cosine(3 * x);
      double phase = (i + 1 - (length + 1) / 2) * turns_a_sample;
      float *tap = kernels[panel][start - first_tap[panel] + i] + bin % PANEL;
      tap[0] = (float)(window / sum * cosine(phase));
      tap[PANEL] = (float)(window / sum * sine(phase));
    }
  }
}

int count_frames(int samples) { return ((samples + 1) / 2 - 1) / HOP + 1; }

/** Room for a signal between zeros, taken from scratch. */
static float *take_signal(float **scratch, int samples) {
  int size = samples + 2 * MARGIN;
  float *signal = *scratch;
  *scratch += size;
  clear(signal, sizeof(float) * (unsigned)size);
  return signal + MARGIN;
}

int ears_scratch_bytes(int samples) {
  int floats = 2 * count_frames(samples) + samples + 2 * ((samples + 1) / 2);
  for (int octave = 0; octave < OCTAVES; octave++) floats += samples = (samples + 1) / 2;
  return (int)sizeof(float) * (floats + (3 + OCTAVES) * 2 * MARGIN);
}

/** The half-band filter around four neighbours: `centre`, and what lies 1, 3, … 15 beside it. */
INLINE V filter(V centre, const float *before, const float *after, int step) {
  const float *h = common->half_band;
  V y = all(h[0]) * centre;
  UNROLLED for (int i = 0; i < 8; i++) {
    y = madd(all(h[1 + i]), load(before - step * i) + load(after + step * i), y);
  }
  return y;
}

/**
 * Half the rate of n samples, by the half-band filter forth and back; returns how many are left.
 * even, odd: room for the once filtered signal's halves.
 */
static APART int halve(const float *x, int n, float *even, float *odd, float *to) {
  int half = (n + 1) / 2;
  for (int i = 0; i < n; i += 8) {
    V low = filter(load(x + i), x + i - 1, x + i + 1, 2);
    V high = filter(load(x + i + 4), x + i + 3, x + i + 5, 2);
    for (int j = 0; j < 2; j++) {
      even[i / 2 + j] = low[2 * j];
      odd[i / 2 + j] = low[2 * j + 1];
      even[i / 2 + 2 + j] = high[2 * j];
      odd[i / 2 + 2 + j] = high[2 * j + 1];
    }
  }
  // Beyond its end there is nothing: the filter's echo there is not part of the signal.
  for (int i = 0; i < 8; i++) even[half + i] = odd[n / 2 + i] = 0;
  // Of every second sample the neighbours at odd distances are the odd samples.
  for (int i = 0; i < half; i += 4) store(to + i, filter(load(even + i), odd + i - 1, odd + i, 1));
  for (int i = 0; i < 4; i++) to[half + i] = 0;
  return half;
}

/** |Σ kernel · x|² of four bins at four places. */
INLINE void correlate(const float *const at[4], int panel, float energy[4][PANEL]) {
  const float *w = kernels[panel][0];
  const float *p = at[0], *q = at[1], *r = at[2], *s = at[3];
  V re[4], im[4];
  UNROLLED for (int i = 0; i < 4; i++) re[i] = im[i] = all(0);
  ROLLED for (int tap = 0; tap < tap_count[panel]; tap++, w += 2 * PANEL) {
    V c = load(w), d = load(w + PANEL);
    re[0] = madd(all(p[tap]), c, re[0]), im[0] = madd(all(p[tap]), d, im[0]);
    re[1] = madd(all(q[tap]), c, re[1]), im[1] = madd(all(q[tap]), d, im[1]);
    re[2] = madd(all(r[tap]), c, re[2]), im[2] = madd(all(r[tap]), d, im[2]);
    re[3] = madd(all(s[tap]), c, re[3]), im[3] = madd(all(s[tap]), d, im[3]);
  }
  UNROLLED for (int i = 0; i < 4; i++) store(energy[i], re[i] * re[i] + im[i] * im[i]);
}

/** Energies of one octave's 36 bins, the first of them row `lowest`. */
static APART void hear(const float *x, int hop, int lowest, float *energy, double *sums) {
  for (int f = 0; f < frames; f += 4) {
    int valid = frames - f < 4 ? frames - f : 4;
    for (int panel = 0; panel < PANELS; panel++) {
      const float *at[4];
      float found[4][PANEL];
      for (int i = 0; i < 4; i++) { // beyond the last frame, the last one again
        at[i] = x + (f + (i < valid ? i : valid - 1)) * hop - REACH + first_tap[panel];
      }
      correlate(at, panel, found);
      for (int i = 0; i < valid; i++) {
        for (int b = 0; b < PANEL; b++) {
          int bin = lowest + panel * PANEL + b;
          if (bin < BINS) energy[bin * frames + f + i] = found[i][b];
          sums[i + f] += found[i][b];
        }
      }
    }
  }
}

void ears(const float *audio, int samples, float *energy, float *loudness, void *scratch) {
  frames = count_frames(samples);
  double *sums = scratch;
  float *room = (float *)(sums + frames);
  clear(sums, sizeof(double) * (unsigned)frames);

  float *x = take_signal(&room, samples);
  __builtin_memcpy(x, audio, sizeof(float) * (unsigned)samples);
  int n = (samples + 1) / 2;
  float *even = take_signal(&room, n), *odd = take_signal(&room, n);
  n = samples;
  for (int octave = OCTAVES - 1; octave >= 0; octave--) {
    float *halved = take_signal(&room, (n + 1) / 2);
    n = halve(x, n, even, odd, halved);
    x = halved;
    hear(x, HOP >> (OCTAVES - 1 - octave), octave * OCTAVE_BINS, energy, sums);
  }
  for (int f = 0; f < frames; f++) loudness[f] = (float)sums[f];
}
