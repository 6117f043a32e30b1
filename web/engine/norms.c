#include "norms.h"

#include "block.h"

enum { VECTORS = BLOCK / 4 };

/** Σ of a group's cells, or of their squared distances from `mean`, for each frame of a block. */
static void sum_cells(const float *x, int channels, const float *mean, double sums[BLOCK]) {
  for (int t = 0; t < BLOCK; t++) sums[t] = 0;
  for (int c = 0; c < channels; c++, x += CHANNEL) {
    V sum[VECTORS]; // float32 over one channel's bins, float64 over the channels
    UNROLLED for (int j = 0; j < VECTORS; j++) sum[j] = all(0);
    for (int bin = 0; bin < BINS; bin++) { // side by side: an addition waits for the one before
      UNROLLED for (int j = 0; j < VECTORS; j++) {
        V v = load(x + (bin + EDGE) * WIDTH + 4 * j);
        if (mean) {
          v -= load(mean + 4 * j);
          v *= v;
        }
        sum[j] += v;
      }
    }
    float found[BLOCK];
    UNROLLED for (int j = 0; j < VECTORS; j++) store(found + 4 * j, sum[j]);
    ROLLED for (int t = 0; t < BLOCK; t++) sums[t] += found[t];
  }
}

void measure(const float *x, int channels, int groups, int first, int t0, float *means,
             float *variances) {
  int each = channels / groups;
  double cells = each * BINS;
  for (int g = 0; g < groups; g++) {
    const float *cell = x + g * each * CHANNEL + first;
    double sums[BLOCK], squares[BLOCK];
    float mean[BLOCK];
    sum_cells(cell, each, 0, sums);
    ROLLED for (int t = 0; t < BLOCK; t++) mean[t] = (float)(sums[t] / cells);
    sum_cells(cell, each, mean, squares);
    ROLLED for (int t = 0; t < BLOCK; t++) {
      int f = t0 + t;
      if (f < 0 || f >= frames) continue;
      means[g * frames + f] = mean[t];
      variances[g * frames + f] = (float)(squares[t] / cells);
    }
  }
}

void settle(const float *scale, const float *variances, float epsilon, int channels, int groups,
            float *factors) {
  for (int c = 0; c < channels; c++) {
    factors[c] = scale[c] / __builtin_sqrtf(variances[c / (channels / groups)] + epsilon);
  }
}
