// Normalisations over the whole recording, in two steps: each frame's moments here, joined over all
// frames by whoever runs the stages, in float64; and what a norm does once they are known.
#pragma once

/**
 * Mean and variance of each frame by group of channels, (groups, F).
 *
 * x: a layer whose column `first` is frame t0; only frames of the recording are written.
 */
void measure(const float *x, int channels, int groups, int first, int t0, float *means,
             float *variances);

/** scale · (x − mean) / √(variance + ε): the factor, by channel, of a norm over groups. */
void settle(const float *scale, const float *variances, float epsilon, int channels, int groups,
            float *factors);
