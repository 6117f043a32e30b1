// The second convolution, 25 × 3 taps that lie three bins apart, by an FFT along frequency.
//
// Bins ρ, ρ + 3, … see only each other: three times 84 bins with a dense kernel of 25, by an FFT of
// 96 points with the kernel's 12 zeros before. Two channels are one complex signal. A complex
// product conj(w) · x is made of three real ones (Gauss), so that `mix` does them all.
#include "block.h"
#include "fft.h"
#include "products.h"
#include "trunk.h"

float wide[8 * CHANNEL];

enum { STEP = 3, ROWS = BINS / STEP, ZEROS = 12, OUT = 8, IN = 16, SPECTRA = WIDE_SLOTS * 3 * IN };
enum { KEPT = 2 }; // frames of the block before that the taps in time read

static float heard[SPECTRA * WIDTH]; // [slot][re, im, re + im][channel][frame]
static float kept[STEP][SPECTRA][KEPT];

void begin_wide(void) {
  clear(kept, sizeof kept);
  clear(wide, sizeof wide);
}

/** early's channels at bins ρ, ρ + 3, … → their spectra. */
static void hear_wide(int rho) {
  static Complex heights[SHORT]; // its first ZEROS stay 0
  for (int i = 0; i < SPECTRA; i++) {
    __builtin_memcpy(heard + i * WIDTH, kept[rho][i], sizeof kept[rho][i]);
  }
  for (int c = 0; c < IN; c += 2) {
    for (int t = 0; t < BLOCK; t += 4) {
      for (int n = 0; n < ROWS; n++) {
        const float *x = row(early, c, rho + STEP * n) + EARLY_COLUMN + t;
        heights[ZEROS + n] = (Complex){load(x), load(x + CHANNEL)};
      }
      const Complex *spectrum = fft(heights, SHORT);
      // Twice the spectra of the two; the halves are in the kernel.
      ROLLED for (int k = 0; k < WIDE_SLOTS; k++) {
        V re[2], im[2];
        take_pair(spectrum, SHORT, k, re, im);
        float *to = heard + (k * 3 * IN + c) * WIDTH + KEPT + t;
        for (int i = 0; i < 2; i++, to += WIDTH) {
          store(to, re[i]);
          store(to + IN * WIDTH, im[i]);
          store(to + 2 * IN * WIDTH, re[i] + im[i]);
        }
      }
    }
  }
  for (int i = 0; i < SPECTRA; i++) {
    __builtin_memcpy(kept[rho][i], heard + i * WIDTH + BLOCK, sizeof kept[rho][i]);
  }
}

APART void run_wide(const TrunkKernels *trunk, float slope) {
  static float product[3 * OUT * BLOCK];
  static Complex mixed[OUT / 2][BLOCK / 4][SHORT];
  carry(wide, OUT * HEIGHT, 4);
  for (int rho = 0; rho < STEP; rho++) {
    hear_wide(rho);
    for (int k = 0; k < WIDE_SLOTS; k++) {
      for (int part = 0; part < 3; part++) {
        const float *x[IN];
        for (int c = 0; c < IN; c++) x[c] = heard + ((k * 3 + part) * IN + c) * WIDTH;
        mix(product + part * OUT * BLOCK, BLOCK, x, IN, 3, trunk->wide[k][part], OUT);
      }
      for (int o = 0; o < OUT; o += 2) {
        for (int t = 0; t < BLOCK; t += 4) {
          V re[2], im[2];
          for (int i = 0; i < 2; i++) {
            const float *p = product + (o + i) * BLOCK + t;
            V a = load(p), b = load(p + OUT * BLOCK), both = load(p + 2 * OUT * BLOCK);
            re[i] = a + b;
            im[i] = both - a + b;
          }
          put_pair(mixed[o / 2][t / 4], SHORT, k, re, im);
        }
      }
    }
    for (int o = 0; o < OUT; o += 2) {
      for (int t = 0; t < BLOCK; t += 4) {
        const Complex *y = fft(mixed[o / 2][t / 4], SHORT);
        for (int i = 0; i < 2; i++) {
          V bias = all(trunk->weights->wide_bias[o + i]);
          for (int n = 0; n < ROWS; n++) {
            int bin = rho + STEP * n;
            // The harmonic's frame t0 − 3; the level's first column is t0 − 4.
            V harmonic = load(level_row(bin + SHIFTS[o + i]) + 1 + t);
            V v = (i ? y[n].re : y[n].im) + bias + harmonic;
            store(row(wide, o + i, bin) + WIDE_COLUMN + t, rectify(v, slope));
          }
        }
      }
    }
  }
}

void prepare_wide(TrunkKernels *to) {
  enum { NUMBERS = OUT * IN * 3 };
  static float taps[25][NUMBERS]; // packed as the products are, so that their sums are vectors
  for (int tap = 0; tap < 25; tap++) {
    float plain[NUMBERS]; // (out, in, time), of (out, in, frequency, time)
    for (int i = 0; i < NUMBERS; i++) {
      plain[i] = to->weights->wide_kernel[(i / 3 * 25 + tap) * 3 + i % 3] / (2 * SHORT);
    }
    pack(taps[tap], plain, OUT, IN * 3);
  }
  clear(to->wide, sizeof to->wide);
  for (int k = 0; k < WIDE_SLOTS; k++) {
    float *re = to->wide[k][0], *im = to->wide[k][1], *difference = to->wide[k][2];
    for (int tap = 0; tap < 25; tap++) {
      const float *turn = turns + 2 * (k * tap % SHORT) * (LONG / SHORT);
      V c = all(turn[0]), s = all(turn[1]), both = all(turn[0] - turn[1]);
      for (int i = 0; i < NUMBERS; i += 4) {
        V v = load(taps[tap] + i);
        store(re + i, load(re + i) + v * c);
        store(im + i, load(im + i) + v * s);
        store(difference + i, load(difference + i) + v * both);
      }
    }
  }
}
