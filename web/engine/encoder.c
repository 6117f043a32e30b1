// septimbre's encoder: stages "first-norm", "second-norm", "features" and "embed".
#include "stages.h"

#include "block.h"
#include "norms.h"
#include "products.h"
#include "trunk.h"

enum {
  FEATURES = 16,
  WIDENED = 24,
  CELL_DELAY = 2, // of neck and normed cells behind wide's input
  WIDENED_DELAY = CELL_DELAY + 1,
  FEATURE_DELAY = WIDENED_DELAY + 1,
  CELL_COLUMN = 2,
  SIZE = 12, // of an embedding
  CELLS = FEATURES * 3,
};

static float widen_kernel[CELL_PRODUCTS], narrow_kernel[CELL_PRODUCTS];
static float embed_kernel[SIZE * CELLS * 5];
static float normed[FEATURES * CHANNEL], widened[WIDENED * CHANNEL], features[FEATURES * CHANNEL];

void prepare_encoder(void) {
  prepare_winograd3(widen_kernel, encoder_weights->widen_kernel, FEATURES, WIDENED);
  prepare_winograd3(narrow_kernel, encoder_weights->narrow_kernel, WIDENED, FEATURES);
  pack(embed_kernel, encoder_weights->embed_kernel, SIZE, CELLS * 5);
}

void run_first_norm(const float *energy, int count, float deviation, float *means,
                    float *variances) {
  static Affine affine;
  for (int c = 0; c < 16; c++) {
    affine.offset[c] = encoder_weights->trunk.early_bias[c];
    affine.scale[c] = 1;
  }
  begin_trunk(count);
  for (int t0 = 0; t0 - EARLY_DELAY < count; t0 += BLOCK) {
    take_level(&encoder_trunk, energy, deviation, t0);
    run_early(&encoder_trunk, &affine, 1, t0);
    measure(early, 16, 4, EARLY_COLUMN, t0 - EARLY_DELAY, means, variances);
  }
}

void run_second_norm(const float *energy, int count, float deviation, const float *mean,
                     const float *variance, float *means, float *variances, float *wide_out) {
  const EncoderWeights *w = encoder_weights;
  static Affine affine;
  settle(w->first_scale, variance, w->first_epsilon[0], 16, 4, affine.scale);
  for (int c = 0; c < 16; c++) {
    affine.offset[c] = w->trunk.early_bias[c] - mean[c / 4];
    affine.shift[c] = w->first_shift[c];
  }
  begin_trunk(count);
  for (int t0 = 0; t0 - WIDE_DELAY < count; t0 += BLOCK) {
    take_level(&encoder_trunk, energy, deviation, t0);
    run_early(&encoder_trunk, &affine, w->trunk.slope[0], t0);
    run_wide(&encoder_trunk, 1);
    measure(wide, 8, 2, WIDE_COLUMN, t0 - WIDE_DELAY, means, variances);
    for (int i = 0; i < 8 * BINS; i++) {
      deliver(wide_out + i * count, row(wide, i / BINS, i % BINS) + WIDE_COLUMN, t0 - WIDE_DELAY);
    }
  }
}

/** Each cell of neck's block relative to its mean and deviation over the channels (res1.0). */
static void norm_cells(int t0) {
  const EncoderWeights *w = encoder_weights;
  V share = all(1.0f / FEATURES);
  carry(normed, FEATURES * HEIGHT, 2);
  for (int bin = 0; bin < BINS; bin++) {
    for (int t = 0; t < BLOCK; t += 4) {
      V x[FEATURES], mean = all(0), squares = all(0);
      UNROLLED for (int c = 0; c < FEATURES; c++) {
        x[c] = load(row(neck, c, bin) + NECK_COLUMN + t);
        mean += x[c];
      }
      mean *= share;
      UNROLLED for (int c = 0; c < FEATURES; c++) {
        x[c] -= mean;
        squares = madd(x[c], x[c], squares);
      }
      V factor = all(1) / root(madd(squares, share, all(w->cell_epsilon[0])));
      UNROLLED for (int c = 0; c < FEATURES; c++) {
        V v = madd(x[c] * factor, all(w->cell_scale[c]), all(w->cell_shift[c]));
        store(row(normed, c, bin) + CELL_COLUMN + t, v);
      }
    }
  }
  mask(normed, FEATURES * HEIGHT, CELL_COLUMN, t0 - CELL_DELAY);
}

void run_features(const float *wide_in, int count, const float *mean, const float *variance,
                  float *to, float *means, float *variances) {
  const EncoderWeights *w = encoder_weights;
  float scale[8];
  settle(w->second_scale, variance, w->second_epsilon[0], 8, 2, scale);
  begin_trunk(count);
  clear(normed, sizeof normed);
  clear(widened, sizeof widened);
  for (int t0 = 0; t0 - FEATURE_DELAY < count; t0 += BLOCK) {
    carry(wide, 8 * HEIGHT, 4);
    for (int i = 0; i < 8 * BINS && t0 < count; i++) {
      int c = i / BINS;
      const float *x = fetch(wide_in + i * count, t0);
      float *y = row(wide, c, i % BINS) + WIDE_COLUMN;
      V m = all(mean[c / 4]), k = all(scale[c]), b = all(w->second_shift[c]);
      for (int t = 0; t < BLOCK; t += 4) store(y + t, madd(load(x + t) - m, k, b));
    }
    run_neck(&encoder_trunk, w->neck_slope[0], t0 + WIDE_DELAY); // wide is here as it is given
    norm_cells(t0);
    carry(widened, WIDENED * HEIGHT, 2);
    winograd3(normed, FEATURES, WIDENED, widen_kernel, w->widen_bias, 0, widened, CELL_COLUMN);
    mask(widened, WIDENED * HEIGHT, CELL_COLUMN, t0 - WIDENED_DELAY);
    winograd3(widened, WIDENED, FEATURES, narrow_kernel, w->narrow_bias, 1, features, 0);
    for (int i = 0; i < FEATURES * BINS; i++) {
      int c = i / BINS, bin = i % BINS;
      float *v = row(features, c, bin);
      const float *x = row(neck, c, bin) + NECK_COLUMN - (FEATURE_DELAY - CELL_DELAY);
      for (int t = 0; t < BLOCK; t += 4) store(v + t, load(v + t) + load(x + t));
      deliver(to + i * count, v, t0 - FEATURE_DELAY);
    }
    measure(features, FEATURES, FEATURES, 0, t0 - FEATURE_DELAY, means, variances);
  }
}

void run_embed(const float *cells, int count, const float *mean, const float *variance,
               float *embedding) {
  enum { DELAY = 2 };
  static float x[CELLS * WIDTH], mixed[SIZE * BLOCK];
  const EncoderWeights *w = encoder_weights;
  const float *rows[CELLS];
  float scale[FEATURES];
  for (int c = 0; c < FEATURES; c++) {
    scale[c] = w->centre_scale[c] / (__builtin_sqrtf(variance[c]) + w->centre_epsilon[0]);
  }
  for (int i = 0; i < CELLS; i++) rows[i] = x + i * WIDTH;
  frames = count;
  clear(x, sizeof x);
  for (int t0 = 0; t0 - DELAY < count; t0 += BLOCK) {
    carry(x, CELLS, 4);
    for (int i = 0; i < CELLS && t0 < count; i++) {
      const float *cell = fetch(cells + i * count, t0);
      V m = all(mean[i / 3]), k = all(scale[i / 3]);
      for (int t = 0; t < BLOCK; t += 4) store(x + i * WIDTH + 4 + t, (load(cell + t) - m) * k);
    }
    mask(x, CELLS, 4, t0);
    mix(mixed, BLOCK, rows, CELLS, 5, embed_kernel, SIZE);
    for (int t = 0; t < BLOCK; t += 4) {
      V squares = all(0);
      for (int d = 0; d < SIZE; d++) {
        V v = load(mixed + d * BLOCK + t) + all(w->embed_bias[d]);
        store(mixed + d * BLOCK + t, v);
        squares = madd(v, v, squares);
      }
      V factor = all(1) / larger(root(squares), all(w->shortest[0]));
      for (int d = 0; d < SIZE; d++) {
        store(mixed + d * BLOCK + t, load(mixed + d * BLOCK + t) * factor);
      }
    }
    for (int d = 0; d < SIZE; d++) deliver(embedding + d * count, mixed + d * BLOCK, t0 - DELAY);
  }
}
