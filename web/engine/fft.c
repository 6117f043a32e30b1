// By Stockham's algorithm (self-sorting): passes of radix 4, then one of 6 points, which is 2 × 3
// by Good and Thomas, so that it needs no turns.
#include "fft.h"

#include "circle.h"

float turns[2 * LONG];
static Complex passes[2][LONG]; // what every other pass gives

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

APART const Complex *fft(const Complex *x, int points) {
  Complex *y = passes[0];
  int s = 1;
  // m · 4 · s points; the last pass leaves six for each of s.
  for (int m = points / 4, step = LONG / points; m > 1; m /= 4, s *= 4, step *= 4) {
    ROLLED for (int q = 0; q < s; q++) { // p = 0: nothing turns
      Complex x0 = x[q], x1 = x[q + s * m], x2 = x[q + 2 * s * m], x3 = x[q + 3 * s * m];
      Complex a = add(x0, x2), b = subtract(x0, x2), c = add(x1, x3);
      Complex d = quarter(subtract(x1, x3));
      y[q] = add(a, c);
      y[q + s] = add(b, d);
      y[q + 2 * s] = subtract(a, c);
      y[q + 3 * s] = subtract(b, d);
    }
    for (int p = 1; p < m; p++) {
      const float *w = turns + 2 * p * step, *w2 = turns + 4 * p * step, *w3 = turns + 6 * p * step;
      const Complex *from = x + s * p;
      Complex *to = y + 4 * s * p;
      ROLLED for (int q = 0; q < s; q++, from++, to++) {
        Complex x0 = from[0], x1 = from[s * m], x2 = from[2 * s * m], x3 = from[3 * s * m];
        Complex a = add(x0, x2), b = subtract(x0, x2), c = add(x1, x3);
        Complex d = quarter(subtract(x1, x3));
        to[0] = add(a, c);
        to[s] = turn(add(b, d), w);
        to[2 * s] = turn(subtract(a, c), w2);
        to[3 * s] = turn(subtract(b, d), w3);
      }
    }
    x = y;
    y = passes[y == passes[0]];
  }
  Complex *last = passes[y == passes[0]];
  ROLLED for (int q = 0; q < s; q++) transform6(last + q, s);
  return last;
}
