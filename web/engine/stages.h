// The stages of both networks, as export/nets/stages.py defines them. Arrays are (rows, frames),
// row after row, `count` frames of a recording or of a chunk with its halo; moments by group or
// channel. Each may be run alone; nothing is remembered from one to the next.
#pragma once
#include "export.h"

void prepare_heads(void);
void prepare_encoder(void);

/** energy (252) → onset, frame (84), in [0, 1], not yet divided by their maxima. */
EXPORT("notes")
void run_notes(const float *energy, int count, float deviation, float *onset, float *frame);

/** energy (252) → moments (4) of what the encoder's first norm gets. */
EXPORT("first_norm")
void run_first_norm(const float *energy, int count, float deviation, float *means,
                    float *variances);

/** energy (252), moments (4) of the first norm → moments (2) of the second, and what it gets. */
EXPORT("second_norm")
void run_second_norm(const float *energy, int count, float deviation, const float *mean,
                     const float *variance, float *means, float *variances, float *wide_out);

/** What the second norm gets (8 · 252), its moments (2) → features (16 · 252), moments (16). */
EXPORT("features")
void run_features(const float *wide_in, int count, const float *mean, const float *variance,
                  float *features, float *means, float *variances);

/** Features beside a pitch (16 · 3), moments (16) → its embedding (12), of unit length. */
EXPORT("embed")
void run_embed(const float *cells, int count, const float *mean, const float *variance,
               float *embedding);
