// The products that nearly all time is spent in: rows of frames times a kernel's numbers.
#pragma once

/**
 * out[m][t] = Σ over i and d of w[m][i][d] · x[i][t + d], for BLOCK frames t.
 *
 * x: n rows of BLOCK + taps − 1 frames; w: packed as [m / 4][i][d][m % 4] (see `pack`);
 * out: rows (a multiple of 4) that lie `stride` floats apart.
 */
void mix(float *out, int stride, const float *const *x, int n, int taps, const float *w, int rows);

/** out[t] += Σ over i and d of w[i][d] · x[i][t + d], for BLOCK frames t: one row. */
void mix_one(float *out, const float *const *x, int n, int taps, const float *w);

/** out[m] = Σ over i of w[m][i] · x[i]: rows (a multiple of 4) of eight floats; w: packed. */
void multiply(float *out, const float *x, int n, const float *w, int rows);

/** w[m][k] → packed for `mix`: [m / 4][k][m % 4], k = i · taps + d. */
void pack(float *to, const float *w, int rows, int k);
