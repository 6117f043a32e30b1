#include "products.h"

#include "block.h"

// Four rows by two vectors: larger tiles spill registers in V8, smaller ones wait for loads.
enum { ROWS = 4, VECTORS = 2, FRAMES = 4 * VECTORS };

APART void mix(float *out, int stride, const float *const *x, int n, int taps, const float *w,
               int rows) {
  for (int t = 0; t < BLOCK; t += FRAMES) {
    const float *v = w;
    for (int m = 0; m < rows; m += ROWS) {
      V sum[ROWS][VECTORS];
      UNROLLED for (int r = 0; r < ROWS; r++) {
        UNROLLED for (int j = 0; j < VECTORS; j++) sum[r][j] = all(0);
      }
      ROLLED for (int i = 0; i < n; i++) {
        const float *p = x[i] + t, *end = p + taps;
        ROLLED do {
          V a = load(p), b = load(p + 4);
          UNROLLED for (int r = 0; r < ROWS; r++) {
            V s = all(v[r]);
            sum[r][0] = madd(s, a, sum[r][0]);
            sum[r][1] = madd(s, b, sum[r][1]);
          }
          v += ROWS;
        } while (++p != end);
      }
      UNROLLED for (int r = 0; r < ROWS; r++) {
        UNROLLED for (int j = 0; j < VECTORS; j++) {
          store(out + (m + r) * stride + t + 4 * j, sum[r][j]);
        }
      }
    }
  }
}

APART void multiply(float *out, const float *x, int n, const float *w, int rows) {
  const float *end = x + n * FRAMES;
  for (int m = 0; m < rows; m += ROWS, out += ROWS * FRAMES) {
    V sum[ROWS][VECTORS];
    UNROLLED for (int r = 0; r < ROWS; r++) {
      UNROLLED for (int j = 0; j < VECTORS; j++) sum[r][j] = all(0);
    }
    ROLLED for (const float *p = x; p != end; p += FRAMES, w += ROWS) {
      V a = load(p), b = load(p + 4);
      UNROLLED for (int r = 0; r < ROWS; r++) {
        V s = all(w[r]);
        sum[r][0] = madd(s, a, sum[r][0]);
        sum[r][1] = madd(s, b, sum[r][1]);
      }
    }
    UNROLLED for (int r = 0; r < ROWS; r++) {
      UNROLLED for (int j = 0; j < VECTORS; j++) store(out + r * FRAMES + 4 * j, sum[r][j]);
    }
  }
}

APART void mix_one(float *out, const float *const *x, int n, int taps, const float *w) {
  V sum[BLOCK / 4];
  UNROLLED for (int j = 0; j < BLOCK / 4; j++) sum[j] = load(out + 4 * j);
  ROLLED for (int i = 0; i < n; i++) {
    const float *p = x[i], *end = p + taps;
    ROLLED do {
      V s = all(*w++);
      UNROLLED for (int j = 0; j < BLOCK / 4; j++) sum[j] = madd(s, load(p + 4 * j), sum[j]);
    } while (++p != end);
  }
  UNROLLED for (int j = 0; j < BLOCK / 4; j++) store(out + 4 * j, sum[j]);
}

void pack(float *to, const float *w, int rows, int k) {
  for (int m = 0; m < rows; m++) {
    for (int i = 0; i < k; i++) to[(m / ROWS * k + i) * ROWS + m % ROWS] = w[m * k + i];
  }
}
