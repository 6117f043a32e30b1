// Convolutions of 5 × 5 and 3 × 3 taps by Winograd's algorithm along frequency: six bins of one
// output cost 10 and 8 products a tap in time instead of 30 and 18. Along time nothing changes.
// How the transforms are designed: export/layers/winograd.py; they come with the weights.
#pragma once

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

/** Kernels (out, in, taps, taps) → (taps + 5, out · in · taps): at each point, packed for `mix`. */
void prepare_winograd5(float *to, const float *w);
void prepare_winograd3(float *to, const float *w, int in, int out);
