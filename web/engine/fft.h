// A fast Fourier transform of 96 or 384 points over bins, of four frames at a time.
#pragma once
#include "simd.h"

enum { LONG = 384, SHORT = 96 };

typedef struct {
  V re, im;
} Complex;

/** One turn in LONG steps: cosine and minus sine of each. */
extern float turns[2 * LONG];

/** Of x's `points` (LONG or SHORT); the result may be changed, and is lost with the next. */
Complex *fft(const Complex *x, int points);
void make_turns(void);

/** Twice the spectra p and q of two real signals at slot k, from that of p's signal + i · q's. */
INLINE void take_pair(const Complex *spectrum, int points, int k, V *re, V *im) {
  Complex a = spectrum[k], b = spectrum[k ? points - k : 0];
  re[0] = a.re + b.re;
  re[1] = a.im + b.im;
  im[0] = a.im - b.im;
  im[1] = b.re - a.re;
}

/**
 * The spectrum of two real signals as one complex one, p + i · q, at slot k and at its mirror. Real
 * and imaginary part are exchanged, so that `fft` is the inverse, times `points`: q + i · p.
 */
INLINE void put_pair(Complex *spectrum, int points, int k, const V *re, const V *im) {
  spectrum[k ? points - k : 0] = (Complex){re[1] - im[0], re[0] + im[1]};
  spectrum[k] = (Complex){im[0] + re[1], re[0] - im[1]};
}
