/* Packed weights to int8, w = step * code + offset, four at a time in the bytes of a word.
 * `fours`: of weights. Codes are in order from bit 0 on: 4 bits as uint16 for four weights, 2 bits as uint8, and
 * 1 bit as uint8 for eight of them. d is 4-byte aligned. */
#ifndef EW_PACKED_UNPACK_H
#define EW_PACKED_UNPACK_H
#include "ew_math.h"

/* Bytes of codes (at most 15, step included) to signed bytes: offset is negative, and no byte borrows. */
EW_INLINE void ew_packed_store(int8_t *d, uint32_t codes, int32_t step, int32_t offset) {
  uint32_t v = ((codes * (uint32_t)step | 0x80808080u) - (uint32_t)-offset * 0x01010101u) ^ 0x80808080u;
  memcpy(__builtin_assume_aligned(d, 4), &v, 4);
}
EW_INLINE uint32_t ew_packed_spread1(uint32_t v) {
  v = (v | v << 14) & 0x00030003u;
  return (v | v << 7) & 0x01010101u;
}

EW_NOINLINE void ew_packed_unpack4(const uint16_t *w, int8_t *d, int32_t fours, int32_t step, int32_t offset) {
  for (; fours > 0; fours--, d += 4) {
    uint32_t v = *w++;
    v = (v | v << 8) & 0x00ff00ffu;
    ew_packed_store(d, (v | v << 4) & 0x0f0f0f0fu, step, offset);
  }
}

EW_NOINLINE void ew_packed_unpack2(const uint8_t *w, int8_t *d, int32_t fours, int32_t step, int32_t offset) {
  for (; fours > 0; fours--, d += 4) {
    uint32_t v = *w++;
    v = (v | v << 12) & 0x000f000fu;
    ew_packed_store(d, (v | v << 6) & 0x03030303u, step, offset);
  }
}

EW_NOINLINE void ew_packed_unpack1(const uint8_t *w, int8_t *d, int32_t fours, int32_t step, int32_t offset) {
  for (; fours > 1; fours -= 2, d += 8) {
    uint32_t v = *w++;
    ew_packed_store(d, ew_packed_spread1(v & 15), step, offset);
    ew_packed_store(d + 4, ew_packed_spread1(v >> 4), step, offset);
  }
  if (fours) ew_packed_store(d, ew_packed_spread1(*w & 15u), step, offset);
}
#endif
