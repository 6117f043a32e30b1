// Time. A recording (or a chunk of one) runs through all layers in blocks of BLOCK frames, so that
// a block stays in the cache. A layer keeps the frames of its input that the next block still sees,
// so nothing is computed twice. A layer that reads r frames to either side gives frames that lie r
// behind its input; outside of the recording everything is zero, as the networks pad it.
#pragma once
#include "simd.h"

enum {
  BLOCK = 16,             // frames that are computed together
  WIDTH = BLOCK + 4,      // of a row: up to four frames of the block before, then this block's
  BINS = 252,             // that the networks read
  EDGE = 2,               // rows of zeros above and below a layer's bins
  HEIGHT = BINS + 2 * EDGE + 1, // 256 rows would put all channels on the same lines of a cache
  CHANNEL = HEIGHT * WIDTH,     // floats of one channel of a layer
  PITCHES = 84,
};

/** Frames of the recording. */
extern int frames;

/** A layer's row: channel c, bin r from -EDGE to BINS + EDGE - 1. */
INLINE float *row(float *x, int c, int r) { return x + c * CHANNEL + (r + EDGE) * WIDTH; }

/** Keep the last `keep` (2 or 4) frames of each row as the first of the next block. */
void carry(float *x, int rows, int keep);
/** Make zero what lies outside of the recording; column `first` is frame t0. */
void mask(float *x, int rows, int first, int t0);
/** BLOCK frames from t0 on (a multiple of BLOCK) of a row of the recording; zero beyond its end. */
const float *fetch(const float *recording, int t0);
/** Put BLOCK frames where they belong, t0 on; those outside of the recording go nowhere. */
void deliver(float *recording, const float *block, int t0);
void clear(void *p, unsigned long bytes);
