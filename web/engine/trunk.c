#include "trunk.h"

#include "elementary.h"

const int SHIFTS[HARMONICS] = {-BELOW, 0, 36, 57, 72, 84, 93, 101};

TrunkKernels note_trunk, encoder_trunk;
float level[CHANNEL], outside[WIDTH];
float neck[16 * CHANNEL + 2 * WIDTH]; // the heads read beyond the last bins, for taps of 0

void begin_trunk(int count) {
  frames = count;
  clear(level, sizeof level);
  clear(outside, sizeof outside);
  begin_early();
  begin_wide();
  clear(neck, sizeof neck);
}

void take_level(const TrunkKernels *trunk, const float *energy, float deviation, int t0) {
  const Trunk *w = trunk->weights;
  carry(level, HEIGHT, 4);
  carry(outside, 1, 4);
  // Beside a deafening recording's deviation, quiet energies leave float32: there the logarithm is
  // taken of 2^60 times as much.
  int exponent = deviation > 0x1p40f ? 60 : 0;
  V scale = all((exponent ? 0x1p60f : 1) / deviation);
  V epsilon = all(common->log_epsilon[0]), k = all(w->k[0]), b = all(w->b[0]);
  for (int bin = 0; bin < BINS && t0 < frames; bin++) {
    const float *e = fetch(energy + bin * frames, t0);
    float *to = row(level, 0, bin) + LEVEL_COLUMN;
    for (int t = 0; t < BLOCK; t += 4) {
      V x = (load(e + t) + epsilon) * scale;
      store(to + t, madd(logarithm(x, exponent), k, b));
    }
  }
  for (int t = 0; t < BLOCK; t++) outside[LEVEL_COLUMN + t] = w->outside[0];
  mask(level, HEIGHT, LEVEL_COLUMN, t0);
  mask(outside, 1, LEVEL_COLUMN, t0);
}

void run_neck(const TrunkKernels *trunk, float slope, int t0) {
  mask(wide, 8 * HEIGHT, WIDE_COLUMN, t0 - WIDE_DELAY);
  carry(neck, 16 * HEIGHT, 4);
  winograd5(wide, trunk->neck, trunk->weights->neck_bias, slope, neck, NECK_COLUMN);
  mask(neck, 16 * HEIGHT, NECK_COLUMN, t0 - NECK_DELAY);
}

void prepare_trunk(TrunkKernels *to, const Trunk *weights) {
  to->weights = weights;
  prepare_early(to);
  prepare_wide(to);
  prepare_winograd5(to->neck, weights->neck_kernel);
}
