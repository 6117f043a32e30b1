// Runs stages natively, so that sanitizers see every access: native WEIGHTS REQUESTS REPLIES.
// The format of both files is in drive.py. Every array is allocated at exactly its size.
#include <stdio.h>
#include <stdlib.h>

#include "front_end.h"
#include "stages.h"

int open_weights(const void *file, unsigned bytes);

static const int ROWS[] = {0, 252, 252, 252, 2016, 48}; // of a stage's first input
static const int OUTPUTS[][3] = {{252, 1}, {84, 84}, {4, 4}, {2, 2, 2016}, {4032, 16, 16}, {12}};

static void *allocate(size_t bytes) {
  void *p = malloc(bytes ? bytes : 1);
  if (!p) abort();
  return p;
}

static void run(unsigned stage, int length, float *in[], float *out[]) {
  int count = stage == 0 ? count_frames(length) : length / ROWS[stage];
  for (int i = 0; i < 3; i++) out[i] = allocate(sizeof(float) * (size_t)OUTPUTS[stage][i] * count);
  if (stage == 0) {
    void *scratch = allocate((size_t)ears_scratch_bytes(length));
    ears(in[0], length, out[0], out[1], scratch);
    free(scratch);
  } else if (stage == 1) {
    run_notes(in[0], count, in[1][0], out[0], out[1]);
  } else if (stage == 2) {
    run_first_norm(in[0], count, in[1][0], out[0], out[1]);
  } else if (stage == 3) {
    run_second_norm(in[0], count, in[1][0], in[2], in[3], out[0], out[1], out[2]);
  } else if (stage == 4) {
    run_features(in[0], count, in[1], in[2], out[0], out[1], out[2]);
  } else {
    run_embed(in[0], count, in[1], in[2], out[0]);
  }
}

int main(int arguments, char **argument) {
  if (arguments != 4) return 2;
  FILE *weights = fopen(argument[1], "rb"), *from = fopen(argument[2], "rb");
  FILE *to = fopen(argument[3], "wb");
  if (!weights || !from || !to) return 2;
  fseek(weights, 0, SEEK_END);
  size_t size = (size_t)ftell(weights);
  rewind(weights);
  void *file = allocate(size);
  if (fread(file, 1, size, weights) != size) return 2;
  int refusal = open_weights(file, (unsigned)size);
  if (refusal) return 10 + refusal;
  unsigned head[2]; // stage, inputs
  while (fread(head, sizeof head, 1, from) == 1) {
    float *in[4] = {0}, *out[3] = {0};
    unsigned lengths[4] = {0};
    for (unsigned i = 0; i < head[1]; i++) {
      if (fread(&lengths[i], 4, 1, from) != 1) return 2;
      in[i] = allocate(sizeof(float) * lengths[i]);
      if (fread(in[i], sizeof(float), lengths[i], from) != lengths[i]) return 2;
    }
    int length = (int)lengths[0];
    int count = head[0] == 0 ? count_frames(length) : length / ROWS[head[0]];
    run(head[0], length, in, out);
    for (int i = 0; i < 3; i++) {
      fwrite(out[i], sizeof(float), (size_t)OUTPUTS[head[0]][i] * (size_t)count, to);
      free(out[i]);
    }
    for (unsigned i = 0; i < head[1]; i++) free(in[i]);
  }
  free(file);
  return fclose(to) ? 2 : 0;
}
