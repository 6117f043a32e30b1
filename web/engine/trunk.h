// What both branches begin with: energies → level → early (16 channels) → wide (8) → neck (16).
// Per branch and stage, each function is called once a block, t0 = 0, BLOCK, 2 · BLOCK, …; its
// output lies so many frames behind t0 as its name's delay says.
#pragma once
#include "block.h"
#include "fft.h"
#include "weights.h"
#include "winograd.h"

enum { HARMONICS = 8, BELOW = 36 };
/** Bins between a pitch and its harmonics ½, 1, 2, … 7; the first lies BELOW it. */
extern const int SHIFTS[HARMONICS];

enum { EARLY_DELAY = 2, WIDE_DELAY = 3, NECK_DELAY = 5 };
enum { EARLY_SLOTS = LONG / 2 + 1, WIDE_SLOTS = SHORT / 2 + 1 }; // of spectra of real signals

// A trunk's kernels, made from the stored ones.
typedef struct {
  const Trunk *weights;
  float early[8][EARLY_SLOTS][5][4]; // two outputs' spectra of one long kernel, by tap in time
  float beyond[2 * EDGE][16 * EDGE * HARMONICS * 5]; // its taps that read beyond the bins; packed
  float wide[WIDE_SLOTS][3][8 * 16 * 3]; // real part, imaginary part, their difference; packed
  float neck[NECK_PRODUCTS];
} TrunkKernels;

extern TrunkKernels note_trunk, encoder_trunk;

// After a convolution: (x + offset) · scale + shift, by channel.
typedef struct {
  float offset[16], scale[16], shift[16];
} Affine;

// Layers, see block.h; frame t0 − delay stands at the column that is given.
extern float level[], early[], wide[], neck[];
extern float outside[]; // a row of what harmonics read beyond the level's bins
enum { LEVEL_COLUMN = 4, EARLY_COLUMN = 0, WIDE_COLUMN = 4, NECK_COLUMN = 4 };

void prepare_trunk(TrunkKernels *kernels, const Trunk *weights);
void prepare_early(TrunkKernels *kernels); // from its weights, as prepare_trunk calls it
void prepare_wide(TrunkKernels *kernels);
/** Forget the recording before. */
void begin_trunk(int count);
void begin_early(void);
void begin_wide(void);
/** The level at a bin, or what harmonics read where there is none: WIDTH frames, t0 at column 4. */
INLINE const float *level_row(int bin) {
  return bin < 0 || bin >= BINS ? outside : row(level, 0, bin);
}
/** Energies (252, F) → the level of the block at t0: ln((e + ε) / deviation) · k + b. */
void take_level(const TrunkKernels *trunk, const float *energy, float deviation, int t0);
/** The level's eight harmonics → early, 5 × 5 taps (early_conv.0); `affine` instead of its bias. */
void run_early(const TrunkKernels *trunk, const Affine *affine, float slope, int t0);
/** early → wide, 25 × 3 taps, three bins apart (early_conv.1 or .3), and the harmonics added. */
void run_wide(const TrunkKernels *trunk, float slope);
/** wide → neck, 5 × 5 taps (neck's convolution); wide is masked first. */
void run_neck(const TrunkKernels *trunk, float slope, int t0);
