// What the networks hear: audio → energies of the constant-Q transform (stage "ears").
// The transform and its kernels: export/nets/front_end.py.
#pragma once
#include "export.h"

enum { ALL_BINS = 288, RATE_HZ = 44100 };

/** Design the kernels of the top octave, once. */
void make_kernels(void);
/** Frames of so many samples at 44 100 Hz, 1 or more. */
int count_frames(int samples);
/** Bytes that `ears` needs to work in. */
EXPORT("ears_scratch_bytes")
int ears_scratch_bytes(int samples);
/**
 * Samples at 44 100 Hz → energy of the 252 lowest bins (252, F), lowest first, and loudness (F),
 * the sum of all 288.
 */
EXPORT("ears")
void ears(const float *audio, int samples, float *energy, float *loudness, void *scratch);
