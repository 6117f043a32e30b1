#include "winograd.h"

#include "block.h"
#include "products.h"
#include "weights.h"

enum { TILE = 6, MOST_POINTS = 10, MOST_CHANNELS = 24 };

static float seen[MOST_POINTS * MOST_CHANNELS * WIDTH];     // [point][channel][frame]
static float product[MOST_POINTS * MOST_CHANNELS * BLOCK]; // the same

/**
 * One channel of a tile, `points` rows of x → its row at every point, `stride` floats apart.
 *
 * Beside 0 and ∞ the points come in pairs ±p. Their rows of the transform differ in the sign of
 * odd columns alone, so the even and the odd sums are made once for both.
 */
INLINE void transform_input(const int points, const float *x, const float *matrix, float *to,
                            int stride) {
  for (int t = 0; t < WIDTH; t += 4) {
    V v[MOST_POINTS];
    UNROLLED for (int j = 0; j < points; j++) v[j] = load(x + j * WIDTH + t);
    const float *m = matrix;
    float *z = to + t;

    V even = all(m[0]) * v[0]; // the point 0
    UNROLLED for (int j = 2; j < points; j += 2) even = madd(all(m[j]), v[j], even);
    store(z, even);
    m += points;
    z += stride;
    ROLLED for (int pair = 0; pair < points / 2 - 1; pair++) {
      V odd = all(m[1]) * v[1];
      even = all(m[2]) * v[2];
      UNROLLED for (int j = 3; j < points - 1; j += 2) odd = madd(all(m[j]), v[j], odd);
      UNROLLED for (int j = 4; j < points - 1; j += 2) even = madd(all(m[j]), v[j], even);
      store(z, even + odd);
      store(z + stride, even - odd);
      m += 2 * points;
      z += 2 * stride;
    }
    V odd = all(m[1]) * v[1]; // the point ∞
    UNROLLED for (int j = 3; j < points; j += 2) odd = madd(all(m[j]), v[j], odd);
    store(z, odd);
  }
}

/** One channel's products at every point, `stride` floats apart → six rows of y. */
INLINE void transform_output(const int points, const float *from, int stride, const float *matrix,
                             V bias, V slope, float *y) {
  const int pairs = points / 2 - 1;
  for (int t = 0; t < BLOCK; t += 4, from += 4, y += 4) {
    V sum[MOST_POINTS / 2], difference[MOST_POINTS / 2];
    UNROLLED for (int q = 0; q < pairs; q++) {
      V plus = load(from + (1 + 2 * q) * stride), minus = load(from + (2 + 2 * q) * stride);
      sum[q] = plus + minus;
      difference[q] = plus - minus;
    }
    UNROLLED for (int j = 0; j < TILE; j++) {
      const float *m = matrix + j * points;
      V a = bias;
      if (j == 0) a = madd(all(m[0]), load(from), a);
      if (j == TILE - 1) a = madd(all(m[points - 1]), load(from + (points - 1) * stride), a);
      UNROLLED for (int q = 0; q < pairs; q++) {
        a = madd(all(m[1 + 2 * q]), j % 2 ? difference[q] : sum[q], a);
      }
      store(y + j * WIDTH, rectify(a, slope));
    }
  }
}

INLINE void convolve(const int taps, const float *x, int in, int out, const float *inputs,
                     const float *outputs, const float *kernel, const float *bias, float slope,
                     float *y, int column) {
  const int points = TILE + taps - 1;
  for (int bin = 0; bin < BINS; bin += TILE) {
    for (int c = 0; c < in; c++) {
      const float *top = x + c * CHANNEL + (bin + EDGE - taps / 2) * WIDTH;
      transform_input(points, top, inputs, seen + c * WIDTH, in * WIDTH);
    }
    for (int p = 0; p < points; p++) {
      const float *rows[MOST_CHANNELS];
      for (int c = 0; c < in; c++) rows[c] = seen + (p * in + c) * WIDTH;
      mix(product + p * out * BLOCK, BLOCK, rows, in, taps, kernel + p * out * in * taps, out);
    }
    for (int o = 0; o < out; o++) {
      transform_output(points, product + o * BLOCK, out * BLOCK, outputs, all(bias[o]), all(slope),
                       row(y, o, bin) + column);
    }
  }
}

APART void winograd5(const float *x, const float *kernel, const float *bias, float slope, float *y,
                     int column) {
  convolve(5, x, 8, 16, common->winograd5_inputs, common->winograd5_outputs, kernel, bias, slope, y,
           column);
}

APART void winograd3(const float *x, int in, int out, const float *kernel, const float *bias,
                     float slope, float *y, int column) {
  convolve(3, x, in, out, common->winograd3_inputs, common->winograd3_outputs, kernel, bias, slope,
           y, column);
}

static void prepare(float *to, const float *w, int in, int out, int taps, const float *transform) {
  static float kernel[24 * 16 * 3]; // at one point: (out, in, time)
  for (int p = 0; p < TILE + taps - 1; p++, transform += taps) {
    for (int i = 0; i < out * in; i++) {
      for (int d = 0; d < taps; d++) {
        float sum = 0;
        for (int j = 0; j < taps; j++) sum += transform[j] * w[(i * taps + j) * taps + d];
        kernel[i * taps + d] = sum;
      }
    }
    pack(to + p * out * in * taps, kernel, out, in * taps);
  }
}

void prepare_winograd5(float *to, const float *w) {
  prepare(to, w, 8, 16, 5, common->winograd5_kernel);
}

void prepare_winograd3(float *to, const float *w, int in, int out) {
  prepare(to, w, in, out, 3, common->winograd3_kernel);
}
