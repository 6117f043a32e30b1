#include "elementary.h"

// ln 2 in two parts: a whole number times the first is exact.
static const float LN2_HIGH = 0.693359375f, LN2_LOW = -2.12194440e-4f;

static V polynomial(V x, const float *coefficients, int degree) {
  V y = all(coefficients[0]);
  for (int i = 1; i <= degree; i++) y = y * x + all(coefficients[i]);
  return y;
}

static VI whole(int x) { return (VI){x, x, x, x}; }

V logarithm(V x, int exponent) {
  static const float P[9] = {7.0376836292e-2f,  -1.1514610310e-1f, 1.1676998740e-1f,
                             -1.2420140846e-1f, 1.4249322787e-1f,  -1.6668057665e-1f,
                             2.0000714765e-1f,  -2.4999993993e-1f, 3.3333331174e-1f};
  // x = m · 2^e with m from √½ to √2, then ln(1 + (m − 1)) by a polynomial.
  V m = (V)(((VI)x & whole(0x007fffff)) | whole(0x3f000000));
  V e = to_float(((VI)x >> 23) - whole(126 + exponent));
  VI low = m < all(0.70710678f);
  e -= select(low, all(1), all(0));
  m = m + select(low, m, all(0)) - all(1);
  V z = m * m;
  V y = polynomial(m, P, 8) * m * z + e * all(LN2_LOW) - z * all(0.5f);
  return m + y + e * all(LN2_HIGH);
}

V sigmoid(V x) {
  static const float P[6] = {1.9875691500e-4f, 1.3981999507e-3f, 8.3334519073e-3f,
                             4.1665795894e-2f, 1.6666665459e-1f, 5.0000001201e-1f};
  V v = larger(smaller(-x, all(87)), all(-87));
  // e^v = 2^n · e^r with r from −½ ln 2 to ½ ln 2.
  V n = nearest(v * all(1.44269504f));
  V r = v - n * all(LN2_HIGH) - n * all(LN2_LOW);
  V power = polynomial(r, P, 5) * r * r + r + all(1);
  return all(1) / (all(1) + power * (V)((to_int(n) + whole(127)) << 23));
}
