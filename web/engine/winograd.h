// Convolutions by Winograd's algorithm, along frequency and time: a tile of six bins by four frames
// costs 8 × 6 products for 3 × 3 taps, instead of 24 × 9.
// How the transforms are designed: export/layers/winograd.py; they come with the weights.
#pragma once

// Floats of prepared kernels, at most: points along frequency and time, outputs, inputs.
enum {
  NECK_PRODUCTS = 10 * 8 * 16 * 8,
  CELL_PRODUCTS = 8 * 6 * 24 * 16,
  HEAD_PRODUCTS = 8 * 6 * 8 * 48,
};

/**
 * 8 → 16 channels, 5 × 5 taps; output frames lie two behind their input, from `column` on.
 *
 * x: 8 layers' channels; kernel: from `prepare_winograd5`; slope: see `rectify`;
 * y: 16 channels.
 */
void winograd5(const float *x, const float *kernel, const float *bias, float slope, float *y,
               int column);
/** in → out channels (at most 24, out a multiple of 4), 3 × 3 taps; frames lie one behind. */
void winograd3(const float *x, int in, int out, const float *kernel, const float *bias, float slope,
               float *y, int column);
/**
 * 16 → 8 channels, 7 × 3 taps around the middle one of a pitch's three bins, no bias.
 *
 * x: 16 layers' channels from a column on; y: 8 channels of `channel` floats, from the first
 * pitch's row and a column on; frames lie one behind.
 */
void winograd_pitches(const float *x, const float *kernel, float *y, int channel);

/** Kernels (out, in, frequency, time) → what the above take. */
void prepare_winograd5(float *to, const float *w);
void prepare_winograd3(float *to, const float *w, int in, int out);
void prepare_winograd_pitches(float *to, const float *w);
