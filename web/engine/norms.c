#include "norms.h"

#include "block.h"

/** Σ of a group's cells, or of their squared distances from `mean`, for four frames. */
static void sum_cells(const float *x, int channels, const V *mean, double sums[4]) {
  for (int i = 0; i < 4; i++) sums[i] = 0;
  for (int c = 0; c < channels; c++, x += CHANNEL) {
    V sum = all(0); // float32 over one channel's bins, float64 over the channels
    for (int bin = 0; bin < BINS; bin++) {
      V v = load(x + (bin + EDGE) * WIDTH);
      if (mean) {
        v -= *mean;
        v *= v;
      }
      sum += v;
    }
    for (int i = 0; i < 4; i++) sums[i] += sum[i];
  }
}

void measure(const float *x, int channels, int groups, int first, int t0, float *means,
             float *variances) {
  int each = channels / groups;
  double cells = each * BINS;
  for (int g = 0; g < groups; g++) {
    for (int t = 0; t < BLOCK; t += 4) {
      const float *cell = x + g * each * CHANNEL + first + t;
      double sums[4], squares[4];
      sum_cells(cell, each, 0, sums);
      V mean;
      for (int i = 0; i < 4; i++) mean[i] = (float)(sums[i] / cells);
      sum_cells(cell, each, &mean, squares);
      for (int i = 0; i < 4; i++) {
        int f = t0 + t + i;
        if (f < 0 || f >= frames) continue;
        means[g * frames + f] = mean[i];
        variances[g * frames + f] = (float)(squares[i] / cells);
      }
    }
  }
}

void settle(const float *scale, const float *variances, float epsilon, int channels, int groups,
            float *factors) {
  for (int c = 0; c < channels; c++) {
    factors[c] = scale[c] / __builtin_sqrtf(variances[c / (channels / groups)] + epsilon);
  }
}
