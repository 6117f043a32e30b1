#include "winograd.h"

#include "block.h"
#include "products.h"
#include "weights.h"

enum {
  TILE = 6,   // bins of a tile
  FRAMES = 4, // of a tile; the block's four tiles lie side by side in a vector
  BESIDE = 2, // tiles along frequency that share a kernel's numbers
  LANES = 4 * BESIDE,
  MOST_POINTS = 10,
  MOST_INSTANTS = 8, // points along time
  MOST_IN = 48,
  MOST_OUT = 24,
  MOST_SEEN = 8 * 48,     // rows of a tile: points by inputs
  MOST_PRODUCTS = 8 * 24, // points by outputs
};

// Channels of a convolution.
typedef struct {
  int in, out;
  int whole; // the first of `in`: kernels of the others lack their last tap along frequency
} Shape;

static const Shape NECK = {8, 16, 8}, HEADS = {48, 8, 16};

/** Inputs with a product at a point along frequency: a kernel without its last tap has none at ∞. */
INLINE int count_inputs(const Shape *shape, int points, int p) {
  return p == points - 1 ? shape->whole : shape->in;
}

/**
 * The inputs v of a tile → its values at every point, `stride` floats apart.
 *
 * Beside 0 and ∞ the points come in pairs ±p. The polynomial of a point has the others as roots, so
 * with those of all pairs in R, and of all other pairs in Q, it is R(x²) for 0, x R(x²) for ∞, and
 * x (x ± p) Q(x²) for ±p. m: R's coefficients from the lowest on, without its last, which is 1; then
 * for each pair Q's and p.
 */
INLINE void spread(const int points, const V *v, const float *m, float *z, int stride) {
  const int pairs = points / 2 - 1;
  V at_zero = v[points - 2], at_infinity = v[points - 1];
  UNROLLED for (int j = 0; j < pairs; j++) {
    at_zero = madd(all(m[j]), v[2 * j], at_zero);
    at_infinity = madd(all(m[j]), v[2 * j + 1], at_infinity);
  }
  store(z, at_zero);
  store(z + (points - 1) * stride, at_infinity);
  z += stride;
  ROLLED for (int pair = 0; pair < pairs; pair++, z += 2 * stride) {
    m += pairs;
    V even = v[points - 2], odd = v[points - 3], p = all(m[pairs - 1]);
    UNROLLED for (int j = 0; j < pairs - 1; j++) {
      even = madd(all(m[j]), v[2 * j + 2], even);
      odd = madd(all(m[j]), v[2 * j + 1], odd);
    }
    store(z, madd(p, odd, even));
    store(z + stride, nmadd(p, odd, even));
  }
}

// Products at 0 and ∞, and of each pair of points their sum and difference.
typedef struct {
  V at_zero, at_infinity, sum[MOST_POINTS / 2 - 1], difference[MOST_POINTS / 2 - 1];
} Products;

/** Products at every point, `stride` floats apart. */
INLINE Products pair_up(const int points, const float *from, int stride) {
  Products found;
  found.at_zero = load(from);
  UNROLLED for (int q = 0; q < points / 2 - 1; q++) {
    V plus = load(from + (1 + 2 * q) * stride), minus = load(from + (2 + 2 * q) * stride);
    found.sum[q] = plus + minus;
    found.difference[q] = plus - minus;
  }
  found.at_infinity = load(from + (points - 1) * stride);
  return found;
}

/**
 * A tile's output j, `bias` added: the sum over the points, times their powers p^j. powers:
 * (outputs − 1, pairs), from the first on. To be stored at once: outputs that wait spill registers.
 */
INLINE V collect(const int points, const int outputs, int j, const Products *at,
                 const float *powers, V bias) {
  const int pairs = points / 2 - 1;
  V y = j ? bias : bias + at->at_zero;
  UNROLLED for (int q = 0; q < pairs; q++) {
    if (j) y = madd(all(powers[(j - 1) * pairs + q]), j % 2 ? at->difference[q] : at->sum[q], y);
    else y += at->sum[q];
  }
  return j == outputs - 1 ? y + at->at_infinity : y;
}

/** Along frequency: `points` rows of x, `step` floats apart → rows of WIDTH at every point. */
INLINE void spread_bins(const int points, const float *x, int step, const float *matrix, float *to,
                        int stride) {
  for (int t = 0; t < WIDTH; t += 4) {
    V v[MOST_POINTS];
    UNROLLED for (int j = 0; j < points; j++) v[j] = load(x + j * step + t);
    spread(points, v, matrix, to + t, stride);
  }
}

/** Along frequency: rows of BLOCK at every point → six rows of y. */
INLINE void collect_bins(const int points, const float *from, int stride, const float *powers,
                         V bias, float slope, float *y) {
  for (int t = 0; t < BLOCK; t += 4) {
    Products at = pair_up(points, from + t, stride);
    UNROLLED for (int j = 0; j < TILE; j++) {
      store(y + j * WIDTH + t, rectify(collect(points, TILE, j, &at, powers, bias), slope));
    }
  }
}

/** Along time: a row of WIDTH → four tiles' values at every instant. */
INLINE void spread_frames(const int instants, const float *x, float *to, int stride) {
  V v[MOST_INSTANTS];
  UNROLLED for (int j = 0; j < FRAMES; j++) v[j] = load(x + 4 * j);
  transpose(v);
  UNROLLED for (int j = FRAMES; j < instants; j++) {
    v[j] = shift_in(v[j - FRAMES], x[BLOCK + j - FRAMES]);
  }
  spread(instants, v, instants == 8 ? common->time5_inputs : common->time3_inputs, to, stride);
}

/** Along time: four tiles' products at every instant → a row of BLOCK. */
INLINE void collect_frames(const int instants, const float *from, int stride, float *y) {
  V v[FRAMES];
  const float *powers = instants == 8 ? common->time5_outputs : common->time3_outputs;
  Products at = pair_up(instants, from, stride);
  UNROLLED for (int j = 0; j < FRAMES; j++) {
    v[j] = collect(instants, FRAMES, j, &at, powers, all(0));
  }
  transpose(v);
  UNROLLED for (int j = 0; j < FRAMES; j++) store(y + 4 * j, v[j]);
}

/**
 * Everything at one point along frequency.
 *
 * seen: rows of WIDTH by tile and input; product: rows of BLOCK by tile and output; returns the
 * kernel of the next point.
 */
INLINE const float *multiply_point(const int instants, int n, int out, const float *const *seen,
                                   float *const *product, const float *kernel) {
  static float x[MOST_INSTANTS * MOST_IN * LANES], y[MOST_INSTANTS * MOST_OUT * LANES];
  for (int c = 0; c < n; c++) {
    for (int b = 0; b < BESIDE; b++) {
      spread_frames(instants, seen[b] + c * WIDTH, x + c * LANES + 4 * b, MOST_IN * LANES);
    }
  }
  for (int i = 0; i < instants; i++, kernel += out * n) {
    multiply(y + i * MOST_OUT * LANES, x + i * MOST_IN * LANES, n, kernel, out);
  }
  for (int o = 0; o < out; o++) {
    for (int b = 0; b < BESIDE; b++) {
      float *row = product[b] + o * BLOCK;
      collect_frames(instants, y + o * LANES + 4 * b, MOST_OUT * LANES, row);
    }
  }
  return kernel;
}

APART static const float *multiply_point3(int n, int out, const float *const *seen,
                                          float *const *product, const float *kernel) {
  return multiply_point(6, n, out, seen, product, kernel);
}

APART static const float *multiply_point5(int n, int out, const float *const *seen,
                                          float *const *product, const float *kernel) {
  return multiply_point(8, n, out, seen, product, kernel);
}

/** from: each input's first row that is read, rows lie `step` floats apart; y: `channel` apart. */
INLINE void convolve(const int points, const Shape *shape, const float *const *from, int step,
                     int height, const float *inputs, const float *powers, const float *kernel,
                     const float *bias, float slope, float *y, int channel) {
  static float seen[BESIDE][MOST_SEEN * WIDTH], product[BESIDE][MOST_PRODUCTS * BLOCK];
  int in = shape->in, out = shape->out;
  for (int bin = 0; bin < height; bin += BESIDE * TILE) {
    for (int b = 0; b < BESIDE; b++) {
      for (int c = 0; c < in; c++) {
        const float *top = from[c] + (bin + b * TILE) * step;
        spread_bins(points, top, step, inputs, seen[b] + c * WIDTH, in * WIDTH);
      }
    }
    const float *w = kernel;
    for (int p = 0; p < points; p++) {
      const float *x[BESIDE];
      float *z[BESIDE];
      for (int b = 0; b < BESIDE; b++) {
        x[b] = seen[b] + p * in * WIDTH;
        z[b] = product[b] + p * out * BLOCK;
      }
      int n = count_inputs(shape, points, p);
      w = points == 10 ? multiply_point5(n, out, x, z, w) : multiply_point3(n, out, x, z, w);
    }
    for (int b = 0; b < BESIDE; b++) {
      for (int o = 0; o < out; o++) {
        collect_bins(points, product[b] + o * BLOCK, out * BLOCK, powers,
                     all(bias ? bias[o] : 0), slope,
                     y + o * channel + (bin + b * TILE) * WIDTH);
      }
    }
  }
}

APART void winograd5(const float *x, const float *kernel, const float *bias, float slope, float *y,
                     int column) {
  const float *from[8];
  for (int c = 0; c < 8; c++) from[c] = x + c * CHANNEL + (EDGE - 2) * WIDTH;
  convolve(TILE + 4, &NECK, from, WIDTH, BINS, common->winograd5_inputs, common->winograd5_outputs,
           kernel, bias, slope, row(y, 0, 0) + column, CHANNEL);
}

/** Three taps along frequency. */
APART static void convolve3(const Shape *shape, const float *const *from, int step, int height,
                            const float *kernel, const float *bias, float slope, float *y,
                            int channel) {
  convolve(TILE + 2, shape, from, step, height, common->winograd3_inputs,
           common->winograd3_outputs, kernel, bias, slope, y, channel);
}

void winograd3(const float *x, int in, int out, const float *kernel, const float *bias, float slope,
               float *y, int column) {
  const Shape shape = {in, out, in};
  const float *from[MOST_IN];
  for (int c = 0; c < in; c++) from[c] = x + c * CHANNEL + (EDGE - 1) * WIDTH;
  convolve3(&shape, from, WIDTH, BINS, kernel, bias, slope, row(y, 0, 0) + column, CHANNEL);
}

void winograd_pitches(const float *x, const float *kernel, float *y, int channel) {
  // Taps 0, 3 and 6 read every third bin; so do 1 and 4, from the next bin on, and 2 and 5.
  const float *from[MOST_IN];
  for (int c = 0; c < MOST_IN; c++) from[c] = x + c % 16 * CHANNEL + (c / 16) * WIDTH;
  convolve3(&HEADS, from, 3 * WIDTH, PITCHES, kernel, 0, 1, y, channel);
}

/** w: (out, in, taps, taps) → [point][instant], packed for `multiply`. */
static void prepare(float *to, const float *w, const Shape *shape, int taps,
                    const float *transform, const float *time) {
  static float kernel[MOST_OUT * MOST_IN];
  int points = TILE + taps - 1, instants = FRAMES + taps - 1;
  for (int p = 0; p < points; p++, transform += taps) {
    int n = count_inputs(shape, points, p);
    const float *in_time = time;
    for (int i = 0; i < instants; i++, in_time += taps) {
      for (int k = 0; k < shape->out * n; k++) {
        const float *numbers = w + (k / n * shape->in + k % n) * taps * taps;
        double sum = 0;
        for (int j = 0; j < taps; j++) {
          for (int d = 0; d < taps; d++) sum += (double)transform[j] * in_time[d] * *numbers++;
        }
        kernel[k] = (float)sum;
      }
      pack(to, kernel, shape->out, n);
      to += shape->out * n;
    }
  }
}

void prepare_winograd5(float *to, const float *w) {
  prepare(to, w, &NECK, 5, common->winograd5_kernel, common->time5_kernel);
}

void prepare_winograd3(float *to, const float *w, int in, int out) {
  const Shape shape = {in, out, in};
  prepare(to, w, &shape, 3, common->winograd3_kernel, common->time3_kernel);
}

void prepare_winograd_pitches(float *to, const float *w) {
  static float split[8][MOST_IN][3][3];
  clear(split, sizeof split);
  for (int i = 0; i < 8 * 16 * 7 * 3; i++) { // (out, in, frequency, time)
    int d = i % 3, j = i / 3 % 7, c = i / 3 / 7 % 16, o = i / 3 / 7 / 16;
    split[o][j % 3 * 16 + c][j / 3][d] = w[i];
  }
  prepare(to, split[0][0][0], &HEADS, 3, common->winograd3_kernel, common->time3_kernel);
}
