// By Stockham's algorithm (self-sorting): passes of radix 4, then one of 6 points, which is 2 × 3
// by Good and Thomas, so that it needs no turns.
#include "fft.h"

#include "circle.h"

float turns[2 * LONG];
static Complex passes[2][LONG]; // what they give, in turns

void make_turns(void) {
  for (int i = 0; i < LONG; i++) {
    turns[2 * i] = (float)cosine((double)i / LONG);
    turns[2 * i + 1] = (float)-sine((double)i / LONG);
  }
}

INLINE Complex add(Complex a, Complex b) { return (Complex){a.re + b.re, a.im + b.im}; }
INLINE Complex subtract(Complex a, Complex b) { return (Complex){a.re - b.re, a.im - b.im}; }
/** A quarter turn on: −i · a. */
INLINE Complex quarter(Complex a) { return (Complex){a.im, -a.re}; }
INLINE Complex turn(Complex a, const float *w) {
  V c = all(w[0]), s = all(w[1]);
  return (Complex){nmadd(a.im, s, a.re * c), madd(a.im, c, a.re * s)};
}

/** Three points. */
INLINE void transform3(Complex x0, Complex x1, Complex x2, Complex y[3]) {
  V half = all(-0.5f), sin60 = all(0.86602540378443865f);
  Complex sum = add(x1, x2), difference = quarter(subtract(x1, x2));
  Complex middle = {madd(half, sum.re, x0.re), madd(half, sum.im, x0.im)};
  y[0] = add(x0, sum);
  y[1] = (Complex){madd(sin60, difference.re, middle.re), madd(sin60, difference.im, middle.im)};
  y[2] = (Complex){nmadd(sin60, difference.re, middle.re), nmadd(sin60, difference.im, middle.im)};
}

/** Six points, `s` apart, in place. */
INLINE void transform6(Complex *x, int s) {
  Complex even[3], odd[3];
  transform3(x[0], x[2 * s], x[4 * s], even);
  transform3(x[3 * s], x[5 * s], x[s], odd);
  x[0] = add(even[0], odd[0]);
  x[3 * s] = subtract(even[0], odd[0]);
  x[4 * s] = add(even[1], odd[1]);
  x[s] = subtract(even[1], odd[1]);
  x[2 * s] = add(even[2], odd[2]);
  x[5 * s] = subtract(even[2], odd[2]);
}

/**
 * Four points, `apart` apart in x, of a pass of s sequences; w: the turns of the second, third and
 * fourth result, or null where nothing turns.
 */
INLINE void transform4(const Complex *x, int apart, Complex *y, int s, const float *const *w) {
  Complex x0 = x[0], x1 = x[apart], x2 = x[2 * apart], x3 = x[3 * apart];
  Complex a = add(x0, x2), b = subtract(x0, x2), c = add(x1, x3);
  Complex d = quarter(subtract(x1, x3));
  y[0] = add(a, c);
  y[s] = w ? turn(add(b, d), w[0]) : add(b, d);
  y[2 * s] = w ? turn(subtract(a, c), w[1]) : subtract(a, c);
  y[3 * s] = w ? turn(subtract(b, d), w[2]) : subtract(b, d);
}

/** m times four points, `step` the turn between two of them. */
INLINE void first_pass(const Complex *x, Complex *y, int m, int step) {
  ROLLED for (int p = 0; p < m; p++) {
    const float *w[3] = {turns + 2 * p * step, turns + 4 * p * step, turns + 6 * p * step};
    transform4(x + p, m, y + 4 * p, 1, w);
  }
}

/** The same of s sequences side by side. */
INLINE void next_pass(const Complex *x, Complex *y, int m, int s, int step) {
  ROLLED for (int q = 0; q < s; q++) transform4(x + q, s * m, y + q, s, 0);
  for (int p = 1; p < m; p++) {
    const float *w[3] = {turns + 2 * p * step, turns + 4 * p * step, turns + 6 * p * step};
    ROLLED for (int q = 0; q < s; q++) transform4(x + s * p + q, s * m, y + 4 * s * p + q, s, w);
  }
}

APART Complex *fft(const Complex *x, int points) {
  Complex *y = passes[0], *other = passes[1];
  int s = 4;
  first_pass(x, y, points / 4, LONG / points);
  // m · 4 · s points; the last pass leaves six for each of s.
  for (int m = points / 16, step = 4 * LONG / points; m > 1; m /= 4, s *= 4, step *= 4) {
    next_pass(y, other, m, s, step);
    Complex *swapped = y;
    y = other;
    other = swapped;
  }
  ROLLED for (int q = 0; q < s; q++) transform6(y + q, s);
  return y;
}
