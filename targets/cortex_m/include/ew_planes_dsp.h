/* What the depthwise kernels on planes use. Their functions are made for each layer, in assembler. */
#ifndef EW_PLANES_DSP_H
#define EW_PLANES_DSP_H
#include "ew_math.h"

#ifndef EW_NAKED
#define EW_NAKED static __attribute__((naked, noinline, unused))
#define EW_UNUSED __attribute__((unused))
#endif

/* Words of two taps of four channels: their weights in the lower and in the upper halves. */
static inline void ew_planes_pairs(uint32_t *to, const uint32_t lower[2], const uint32_t upper[2]) {
  to[0] = (lower[0] & 0xFFFFu) | (upper[0] << 16);
  to[1] = (lower[1] & 0xFFFFu) | (upper[1] << 16);
  to[2] = (lower[0] >> 16) | (upper[0] & 0xFFFF0000u);
  to[3] = (lower[1] >> 16) | (upper[1] & 0xFFFF0000u);
}

/* Four weights widened to halfwords, the first and the third, the second and the fourth, and scaled. */
static inline void ew_planes_widen(uint32_t weights, int32_t scale, uint32_t mask, uint32_t halves[2]) {
  uint32_t first, second;
  __asm("sxtb16 %0, %1" : "=r"(first) : "r"(weights));
  __asm("sxtb16 %0, %1, ror #8" : "=r"(second) : "r"(weights));
  halves[0] = (first << scale) & mask;
  halves[1] = (second << scale) & mask;
}

/* Weights of four channels over the rows of a column, int8 [taps][4], to words of two taps, four channels
 * side by side: taps 0 and 1, 2 and 3, ...; then 1 and 2, 3 and 4, ...; for an even number, first and last. */
static __attribute__((unused, noinline)) void ew_planes_unpack_column(
    const uint32_t *from, uint32_t *to, int32_t taps, int32_t scale) {
  uint32_t mask = ((0xFFFFu << scale) & 0xFFFFu) * 0x10001u;
  uint32_t first[2], last[2], next[2];
  uint32_t *other = to + 4 * (taps / 2);
  ew_planes_widen(from[0], scale, mask, first);
  last[0] = first[0], last[1] = first[1];
  for (int32_t t = 1; t < taps; t++) {
    uint32_t *turn = to + 4;
    ew_planes_widen(from[t], scale, mask, next);
    ew_planes_pairs(to, last, next);
    last[0] = next[0], last[1] = next[1];
    to = other, other = turn;
  }
  if (taps % 2 == 0) ew_planes_pairs(to, first, last);
}
#endif
