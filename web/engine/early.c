// The first convolution, 5 × 5 taps over eight harmonics, as one long kernel along frequency.
//
// The harmonics are one level, read SHIFTS[c] bins higher. So the convolution over eight channels
// of five taps is one over a single channel, of 142 taps, most of them 0; by an FFT of 384 points.
// x of the FFT is the level after 38 rows from outside; output r is Σ over taps of w · x[r + tap].
// What lies beyond x's end wraps around onto its first rows, which are from outside as well.
#include "block.h"
#include "fft.h"
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

/**
 * What the long kernel adds to a row though a convolution with padding has zeros there: taps that
 * lie below a channel's first bin or above its last.
 */
static V overheard(const Trunk *w, int output, int bin, int t) {
  V sum = all(0);
  for (int c = 0; c < HARMONICS; c++) {
    for (int j = 0; j < 5; j++) {
      int read = bin + j - 2;
      if (read >= 0 && read < BINS) continue;
      const float *x = level_row(read + SHIFTS[c]) + t;
      const float *taps = w->early_kernel + ((output * HARMONICS + c) * 5 + j) * 5;
      for (int d = 0; d < 5; d++) sum = madd(all(taps[d]), load(x + d), sum);
    }
  }
  return sum;
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
  carry(early, 16 * HEIGHT, 2);
  hear_level(heard);
  for (int o = 0; o < 16; o += 2) {
    mix_pair(heard, trunk->early[o / 2], mixed);
    for (int t = 0; t < BLOCK; t += 4) {
      const Complex *y = fft(mixed[t / 4], LONG);
      for (int i = 0; i < 2; i++) {
        V offset = all(affine->offset[o + i]), scale = all(affine->scale[o + i]);
        V shift = all(affine->shift[o + i]);
        for (int bin = 0; bin < BINS; bin++) {
          V v = i ? y[bin].re : y[bin].im;
          if (bin < 2 || bin >= BINS - 2) v = v - overheard(trunk->weights, o + i, bin, t);
          v = rectify(madd(v + offset, scale, shift), slope);
          store(row(early, o + i, bin) + EARLY_COLUMN + t, v);
        }
      }
    }
  }
  mask(early, 16 * HEIGHT, EARLY_COLUMN, t0 - EARLY_DELAY);
}

void prepare_early(TrunkKernels *to) {
  const float *kernel = to->weights->early_kernel;
  clear(to->early, sizeof to->early);
  for (int i = 0; i < 16 * HARMONICS * 5 * 5; i++) { // (out, in, frequency, time)
    int d = i % 5, tap = BELOW + SHIFTS[i / 25 % HARMONICS] + i / 5 % 5, o = i / 25 / HARMONICS;
    float value = kernel[i] / (2 * LONG); // of twice the spectrum
    for (int k = 0; k < EARLY_SLOTS; k++) {
      const float *turn = turns + 2 * (k * tap % LONG);
      to->early[o / 2][k][d][o % 2 * 2] += value * turn[0];
      to->early[o / 2][k][d][o % 2 * 2 + 1] += value * turn[1];
    }
  }
}
