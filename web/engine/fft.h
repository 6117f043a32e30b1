// A fast Fourier transform of 96 or 384 points over bins, of four frames at a time.
#pragma once
#include "simd.h"

enum { LONG = 384, SHORT = 96 };

typedef struct {
  V re, im;
} Complex;

/** One turn in LONG steps: cosine and minus sine of each. */
extern float turns[2 * LONG];
/** What `fft` transforms. */
extern Complex fft_in[LONG];

/** Of fft_in's first `points` (LONG or SHORT); fft_in is lost, and the result with the next. */
const Complex *fft(int points);
/**
 * The inverse, times `points`, of a spectrum of rows of `stride` floats: real part of slot k in row
 * 2k, imaginary part in row 2k + 1. Real and imaginary part of the result stand exchanged.
 */
const Complex *fft_inverse(int points, const float *spectrum, int stride);
void make_turns(void);

/** Twice the spectra p and q of two real signals at slot k, from that of p's signal + i · q's. */
INLINE void take_pair(const Complex *spectrum, int points, int k, V *re, V *im) {
  Complex a = spectrum[k], b = spectrum[k ? points - k : 0];
  re[0] = a.re + b.re;
  re[1] = a.im + b.im;
  im[0] = a.im - b.im;
  im[1] = b.re - a.re;
}

/** The spectrum of two real signals as one complex one, p + i · q, at slot k and at its mirror. */
INLINE void put_pair(float *spectrum, int points, int stride, int k, const V *re, const V *im) {
  float *at = spectrum + 2 * k * stride;
  float *mirror = spectrum + 2 * ((points - k) % points) * stride;
  store(mirror, re[0] + im[1]);
  store(mirror + stride, re[1] - im[0]);
  store(at, re[0] - im[1]);
  store(at + stride, im[0] + re[1]);
}
