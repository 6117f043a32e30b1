// The first convolution, 5 × 5 taps over eight harmonics, as one long kernel along frequency.
//
// The harmonics are one level, read SHIFTS[c] bins higher. So the convolution over eight channels
// of five taps is one over a single channel, of 142 taps, most of them 0; by an FFT of 384 points.
// x of the FFT is the level after 38 rows from outside; output r is Σ over taps of w · x[r + tap].
// What lies beyond x's end wraps around onto its first rows, which are from outside as well.
#include "block.h"
#include "fft.h"
#include "products.h"
#include "trunk.h"

float early[16 * CHANNEL];
static float heard[EARLY_SLOTS * 2 * WIDTH]; // rows of the level's spectrum: re, im

enum { BEFORE = BELOW + EDGE };

/** Spectra (EARLY_SLOTS, 2, WIDTH) → two outputs' Σ over taps of conj(w) · x, as one spectrum. */
static APART void mix_pair(const float *x, const float (*kernel)[5][4],
                           Complex spectrum[BLOCK / 4][LONG]) {
  for (int k = 0; k < EARLY_SLOTS; k++, x += 2 * WIDTH) {
    for (int t = 0; t < BLOCK; t += 8) {
      V re[2][2], im[2][2]; // [vector][output]
      UNROLLED for (int j = 0; j < 2; j++) re[j][0] = re[j][1] = im[j][0] = im[j][1] = all(0);
      const float *p = x + t, *w = kernel[k][0];
      ROLLED for (int d = 0; d < 5; d++, p++, w += 4) {
        UNROLLED for (int o = 0; o < 2; o++) {
          V c = all(w[2 * o]), s = all(w[2 * o + 1]);
          UNROLLED for (int j = 0; j < 2; j++) {
            V a = load(p + 4 * j), b = load(p + WIDTH + 4 * j);
            re[j][o] = madd(c, a, re[j][o]);
            im[j][o] = madd(c, b, im[j][o]);
            re[j][o] = madd(s, b, re[j][o]);
            im[j][o] = nmadd(s, a, im[j][o]);
          }
        }
      }
      UNROLLED for (int j = 0; j < 2; j++) {
        put_pair(spectrum[t / 4 + j], LONG, k, re[j], im[j]);
      }
    }
  }
}

/** The lowest and the highest bins, by e: 0, 1, 250 and 251. */
INLINE int edge_bin(int e) { return e < EDGE ? e : BINS - 2 * EDGE + e; }
/** Taps along frequency, from the first of such a bin on, that read beyond the bins. */
INLINE int count_beyond(int e) { return e < EDGE ? EDGE - e : e + 1 - EDGE; }
INLINE int first_beyond(int e) { return e < EDGE ? 0 : 5 - count_beyond(e); }

/**
 * What the long kernel adds at the edges though a convolution with padding has zeros there: taps
 * that lie below a channel's first bin or above its last. sums: (edge bin, output, BLOCK).
 */
static APART void overhear(const TrunkKernels *trunk, float sums[2 * EDGE][16 * BLOCK]) {
  ROLLED for (int e = 0; e < 2 * EDGE; e++) {
    const float *x[HARMONICS * EDGE];
    int n = 0;
    ROLLED for (int c = 0; c < HARMONICS; c++) {
      ROLLED for (int j = 0; j < count_beyond(e); j++) {
        x[n++] = level_row(edge_bin(e) + first_beyond(e) + j - EDGE + SHIFTS[c]);
      }
    }
    mix(sums[e], BLOCK, x, n, 5, trunk->beyond[e], 16);
  }
}

/** Twice the level's spectra; those of the block's own frames are made, two vectors at a time. */
static APART void hear_level(float *heard) {
  static Complex heights[LONG];
  carry(heard, 2 * EARLY_SLOTS, 4);
  for (int t = LEVEL_COLUMN; t < WIDTH; t += 8) {
    for (int n = 0; n < LONG; n++) {
      const float *x = level_row(n - BEFORE) + t;
      heights[n] = (Complex){load(x), load(x + 4)};
    }
    const Complex *spectrum = fft(heights, LONG);
    for (int k = 0; k < EARLY_SLOTS; k++) {
      V re[2], im[2];
      take_pair(spectrum, LONG, k, re, im);
      for (int i = 0; i < 2; i++) {
        store(heard + 2 * k * WIDTH + t + 4 * i, re[i]);
        store(heard + (2 * k + 1) * WIDTH + t + 4 * i, im[i]);
      }
    }
  }
}

void begin_early(void) {
  clear(heard, sizeof heard);
  clear(early, sizeof early);
}

APART void run_early(const TrunkKernels *trunk, const Affine *affine, float slope, int t0) {
  static Complex mixed[BLOCK / 4][LONG];
  static float beyond[2 * EDGE][16 * BLOCK];
  hear_level(heard);
  overhear(trunk, beyond);
  for (int o = 0; o < 16; o += 2) {
    mix_pair(heard, trunk->early[o / 2], mixed);
    for (int t = 0; t < BLOCK; t += 4) {
      Complex *y = fft(mixed[t / 4], LONG);
      ROLLED for (int e = 0; e < 2 * EDGE; e++) {
        y[edge_bin(e)].im -= load(beyond[e] + o * BLOCK + t);
        y[edge_bin(e)].re -= load(beyond[e] + (o + 1) * BLOCK + t);
      }
      UNROLLED for (int i = 0; i < 2; i++) {
        V offset = all(affine->offset[o + i]), scale = all(affine->scale[o + i]);
        V shift = all(affine->shift[o + i]);
        for (int bin = 0; bin < BINS; bin++) {
          V v = (i ? y[bin].re : y[bin].im) + offset;
          store(row(early, o + i, bin) + EARLY_COLUMN + t, rectify(madd(v, scale, shift), slope));
        }
      }
    }
  }
  mask(early, 16 * HEIGHT, EARLY_COLUMN, t0 - EARLY_DELAY);
}

void prepare_early(TrunkKernels *to) {
  enum { EACH = HARMONICS * 5 * 5 }; // numbers of an output
  const float *kernel = to->weights->early_kernel;
  clear(to->early, sizeof to->early);
  for (int i = 0; i < 8 * HARMONICS * 5 * 5; i++) { // (pair of outputs, in, frequency, time)
    int d = i % 5, tap = BELOW + SHIFTS[i / 25 % HARMONICS] + i / 5 % 5, pair = i / EACH;
    const float *first = kernel + 2 * EACH * pair + i % EACH;
    float p = first[0] / (2 * LONG), q = first[EACH] / (2 * LONG); // of twice the spectrum
    for (int k = 0; k < EARLY_SLOTS; k++) {
      const float *turn = turns + 2 * (k * tap % LONG);
      float *sums = to->early[pair][k][d];
      store(sums, load(sums) + (V){p, p, q, q} * (V){turn[0], turn[1], turn[0], turn[1]});
    }
  }
  for (int e = 0; e < 2 * EDGE; e++) {
    static float taps[16 * EDGE * HARMONICS * 5];
    int bins = count_beyond(e), each = bins * 5; // numbers of an output's channel
    for (int i = 0; i < 16 * HARMONICS * each; i++) {
      taps[i] = kernel[i / each * 25 + first_beyond(e) * 5 + i % each];
    }
    pack(to->beyond[e], taps, 16, HARMONICS * each);
  }
}
