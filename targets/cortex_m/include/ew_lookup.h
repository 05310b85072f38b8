/* A table of 256 bytes, by the input's bits as uint8. x and y may be the same. */
#ifndef EW_LOOKUP_H
#define EW_LOOKUP_H
#include "ew_math.h"

/* Loads first, then stores: loads that follow each other closely are faster. */
EW_NOINLINE void ew_lookup(const uint8_t *x, uint8_t *y, const uint8_t *table, int32_t count) {
  const uint8_t *end = x + (count & ~3);
  for (; x != end; x += 4, y += 4) {
    uint32_t a = x[0], b = x[1], c = x[2], d = x[3];
    a = table[a];
    b = table[b];
    c = table[c];
    d = table[d];
#if defined(__ARM_FEATURE_UNALIGNED) && !defined(__ARM_BIG_ENDIAN)
    a |= b << 8 | c << 16 | d << 24;
    memcpy(y, &a, 4);
#else
    y[0] = (uint8_t)a;
    y[1] = (uint8_t)b;
    y[2] = (uint8_t)c;
    y[3] = (uint8_t)d;
#endif
  }
  for (int32_t i = 0; i < (count & 3); i++) y[i] = table[x[i]];
}
#endif
