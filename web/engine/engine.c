// The module: what a browser calls. One instance holds one model and runs one stage at a time; all
// memory beside the arrays that it is given is fixed when it is built.
#include "export.h"
#include "front_end.h"
#include "stages.h"
#include "trunk.h"
#include "weights.h"

enum {
  MAGIC = 0x544d4154, // "TAMT"
  // Why a file is refused.
  OPENED = 0,
  NOT_WEIGHTS = 1,
  OTHER_LAYOUT = 2, // written for another version of weights.h
  WRONG_LENGTH = 3,
  DAMAGED = 4,
};

typedef struct {
  unsigned magic;
  unsigned layout; // fingerprint of weights.h
  unsigned floats; // after the header
  unsigned checksum; // CRC-32 of them
} Header;

const Common *common;
const NoteWeights *note_weights;
const EncoderWeights *encoder_weights;

/** CRC-32 as zip and PNG use it, four bits at a time. */
static unsigned checksum(const unsigned char *bytes, unsigned long count) {
  static const unsigned TABLE[16] = {0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac,
                                     0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c,
                                     0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
                                     0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c};
  unsigned sum = ~0u;
  for (unsigned long i = 0; i < count; i++) {
    sum ^= bytes[i];
    sum = TABLE[sum & 15] ^ (sum >> 4);
    sum = TABLE[sum & 15] ^ (sum >> 4);
  }
  return ~sum;
}

/** Open a file of weights, which must stay where it is, on a multiple of 4; 0 or why not. */
EXPORT("open") int open_weights(const void *file, unsigned bytes) {
  const Header *header = file;
  const float *floats = (const float *)(header + 1);
  unsigned notes = (sizeof(Common) + sizeof(NoteWeights)) / sizeof(float);
  unsigned both = notes + sizeof(EncoderWeights) / sizeof(float);
  if (bytes < sizeof(Header) || header->magic != MAGIC) return NOT_WEIGHTS;
  if (header->layout != LAYOUT) return OTHER_LAYOUT;
  if (header->floats != notes && header->floats != both) return WRONG_LENGTH;
  if (bytes != sizeof(Header) + sizeof(float) * header->floats) return WRONG_LENGTH;
  if (checksum((const unsigned char *)floats, sizeof(float) * header->floats) != header->checksum) {
    return DAMAGED;
  }
  common = (const Common *)floats;
  note_weights = (const NoteWeights *)(common + 1);
  encoder_weights = header->floats == both ? (const EncoderWeights *)(note_weights + 1) : 0;
  make_turns();
  make_kernels();
  prepare_trunk(&note_trunk, &note_weights->trunk);
  prepare_heads();
  if (encoder_weights) {
    prepare_trunk(&encoder_trunk, &encoder_weights->trunk);
    prepare_encoder();
  }
  return OPENED;
}

#ifdef __wasm__
extern unsigned char __heap_base;
/** The first byte of memory that is the caller's, a multiple of 64. */
EXPORT("heap") unsigned heap(void) { return ((unsigned)&__heap_base + 63) & ~63u; }
#endif
