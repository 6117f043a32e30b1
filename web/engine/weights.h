// What a file of weights holds: a header, then Common, NoteWeights and, where there is an encoder,
// EncoderWeights. This is the only declaration of their order: export/layout.py reads it,
// and a fingerprint of it is in the header, so a file of another order is refused.
// Kernels are as the networks have them, (out, in, frequency, time), batch normalisations folded;
// what follows from them is made when a file is opened.
#pragma once

typedef struct {
  float half_band[9];   // the halving filter from its middle on, zeros left out
  float log_epsilon[1]; // under the logarithm of the energies
  float winograd5_inputs[4 * 5]; // polynomials of points, see `spread`
  float winograd5_kernel[10 * 5];
  float winograd5_outputs[5 * 4]; // powers of points, see `collect`
  float winograd3_inputs[3 * 4];
  float winograd3_kernel[8 * 3];
  float winograd3_outputs[5 * 3];
  float time5_inputs[3 * 4]; // the same along time
  float time5_kernel[8 * 5];
  float time5_outputs[3 * 3];
  float time3_inputs[2 * 3];
  float time3_kernel[6 * 3];
  float time3_outputs[3 * 2];
} Common;

// What both branches begin with: early_conv and the first convolution of the neck.
typedef struct {
  float k[1]; // the level is scaled and shifted
  float b[1];
  float outside[1]; // what the harmonics read beyond the bins: 0 in basicamt, b in septimbre
  float slope[1];   // of the leaky ReLU after the first convolution
  float early_kernel[16 * 8 * 5 * 5];
  float early_bias[16];
  float wide_kernel[8 * 16 * 25 * 3]; // three bins between two of its 25 taps
  float wide_bias[8];
  float neck_kernel[16 * 8 * 5 * 5];
  float neck_bias[16];
} Trunk;

typedef struct {
  Trunk trunk;
  float frame_kernel[16 * 5 * 5];     // conv_yn
  float frame_bias[1];
  float attack_kernel[7 * 16 * 7 * 3]; // conv_yo1
  float attack_bias[7];
  float onset_kernel[8 * 3 * 5]; // conv_yo2
  float onset_bias[1];
} NoteWeights;

typedef struct {
  Trunk trunk;
  float first_scale[16]; // early_conv.1, a norm of 4 groups
  float first_shift[16];
  float first_epsilon[1];
  float second_scale[8]; // neck.0, a norm of 2 groups
  float second_shift[8];
  float second_epsilon[1];
  float neck_slope[1];   // neck.2, PReLU
  float cell_scale[16];  // res1.0, a norm over the channels of each cell
  float cell_shift[16];
  float cell_epsilon[1];
  float widen_kernel[24 * 16 * 3 * 3]; // res1.1
  float widen_bias[24];
  float narrow_kernel[16 * 24 * 3 * 3]; // res1.3
  float narrow_bias[16];
  float centre_scale[16]; // emb.0
  float centre_epsilon[1];
  float embed_kernel[12 * 16 * 3 * 5]; // emb.1
  float embed_bias[12];
  float shortest[1]; // length up to which an embedding has no direction
} EncoderWeights;

extern const Common *common;
extern const NoteWeights *note_weights;
extern const EncoderWeights *encoder_weights; // null in a file without one
