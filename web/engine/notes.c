// Stage "notes": energies → onset and frame of each pitch (basicamt; septimbre's note branch).
#include "stages.h"

#include "block.h"
#include "elementary.h"
#include "norms.h"
#include "products.h"
#include "trunk.h"

enum {
  ATTACKS = 7,                       // channels of conv_yo1
  PITCH_CHANNEL = (PITCHES + 2) * WIDTH, // of the heads' output, a row of zeros above and below
  HEAD_DELAY = NECK_DELAY + 2,
  ONSET_DELAY = HEAD_DELAY + 2,
  HEAD_COLUMN = 4,
};

static float heads[(1 + ATTACKS) * PITCH_CHANNEL]; // frame, then attacks
static float head_kernel[HEAD_PRODUCTS];          // frame's three middle taps in time, and attacks
static float side_kernel[2][16 * 5];               // frame's first and last tap

/**
 * The heads read three bins a pitch, frame with 5 × 5 taps and attacks with 7 × 3. Frame's three
 * middle taps become an eighth attack, before the others.
 */
void prepare_heads(void) {
  static float joined[8][16][7][3];
  const NoteWeights *w = note_weights;
  clear(joined, sizeof joined);
  __builtin_memcpy(joined[1], w->attack_kernel, sizeof w->attack_kernel);
  for (int i = 0; i < 16 * 5; i++) { // (in, frequency)
    const float *taps = w->frame_kernel + 5 * i;
    for (int d = 0; d < 3; d++) joined[0][i / 5][1 + i % 5][d] = taps[1 + d];
    side_kernel[0][i] = taps[0];
    side_kernel[1][i] = taps[4];
  }
  prepare_winograd_pitches(head_kernel, joined[0][0][0]);
}

/** neck → frame and attacks, at this block's columns of their rows. */
static void run_heads(void) {
  const NoteWeights *w = note_weights;
  const float *side[16 * 5];
  float *first = heads + WIDTH + HEAD_COLUMN;
  winograd_pitches(row(neck, 0, -2) + 1, head_kernel, first, PITCH_CHANNEL);
  for (int pitch = 0; pitch < PITCHES; pitch++) {
    float *to = first + pitch * WIDTH;
    for (int tap = 0; tap < 2; tap++) {
      for (int i = 0; i < 16 * 5; i++) side[i] = row(neck, i / 5, 3 * pitch - 1 + i % 5) + 4 * tap;
      mix_one(to, side, 16 * 5, 1, side_kernel[tap]);
    }
    for (int t = 0; t < BLOCK; t += 4) {
      store(to + t, sigmoid(load(to + t) + all(w->frame_bias[0])));
      for (int m = 0; m < ATTACKS; m++) {
        float *attack = to + (1 + m) * PITCH_CHANNEL + t;
        store(attack, larger(load(attack) + all(w->attack_bias[m]), all(0)));
      }
    }
  }
}

/** frame and attacks → onset of one pitch, 3 × 5 taps (conv_yo2). */
static void run_onset(int pitch, float to[BLOCK]) {
  const float *x[(1 + ATTACKS) * 3];
  for (int i = 0; i < (1 + ATTACKS) * 3; i++) {
    x[i] = heads + i / 3 * PITCH_CHANNEL + (pitch + i % 3) * WIDTH;
  }
  for (int t = 0; t < BLOCK; t++) to[t] = note_weights->onset_bias[0];
  mix_one(to, x, (1 + ATTACKS) * 3, 5, note_weights->onset_kernel);
  for (int t = 0; t < BLOCK; t += 4) store(to + t, sigmoid(load(to + t)));
}

void run_notes(const float *energy, int count, float deviation, float *onset, float *frame) {
  const Trunk *w = &note_weights->trunk;
  static Affine affine;
  for (int c = 0; c < 16; c++) {
    affine.offset[c] = w->early_bias[c];
    affine.scale[c] = 1;
  }
  begin_trunk(count);
  clear(heads, sizeof heads);
  for (int t0 = 0; t0 - ONSET_DELAY < count; t0 += BLOCK) {
    take_level(&note_trunk, energy, deviation, t0);
    run_early(&note_trunk, &affine, w->slope[0], t0);
    run_wide(&note_trunk, 0);
    run_neck(&note_trunk, 0, t0);
    carry(heads, (1 + ATTACKS) * (PITCHES + 2), 4);
    run_heads();
    for (int p = 0; p < PITCHES; p++) {
      deliver(frame + p * count, heads + (1 + p) * WIDTH + HEAD_COLUMN, t0 - HEAD_DELAY);
    }
    mask(heads, (1 + ATTACKS) * (PITCHES + 2), HEAD_COLUMN, t0 - HEAD_DELAY);
    for (int p = 0; p < PITCHES; p++) {
      float block[BLOCK];
      run_onset(p, block);
      deliver(onset + p * count, block, t0 - ONSET_DELAY);
    }
  }
}
