#include "block.h"

int frames;

void carry(float *x, int rows, int keep) {
  for (int i = 0; i < rows; i++, x += WIDTH) {
    if (keep == 4) {
      store(x, load(x + BLOCK));
    } else {
      x[0] = x[BLOCK];
      x[1] = x[BLOCK + 1];
    }
  }
}

void mask(float *x, int rows, int first, int t0) {
  if (t0 >= 0 && t0 + BLOCK <= frames) return;
  for (int i = 0; i < rows; i++, x += WIDTH) {
    for (int t = 0; t < BLOCK; t++) {
      if (t0 + t < 0 || t0 + t >= frames) x[first + t] = 0;
    }
  }
}

const float *fetch(const float *recording, int t0) {
  static float block[BLOCK];
  if (t0 + BLOCK <= frames) return recording + t0;
  for (int t = 0; t < BLOCK; t++) block[t] = t0 + t < frames ? recording[t0 + t] : 0;
  return block;
}

void deliver(float *recording, const float *block, int t0) {
  if (t0 >= 0 && t0 + BLOCK <= frames) {
    for (int t = 0; t < BLOCK; t += 4) store(recording + t0 + t, load(block + t));
    return;
  }
  int first = t0 < 0 ? -t0 : 0;
  int last = frames - t0 < BLOCK ? frames - t0 : BLOCK;
  for (int t = first; t < last; t++) recording[t0 + t] = block[t];
}

void clear(void *p, unsigned long bytes) { __builtin_memset(p, 0, bytes); }
