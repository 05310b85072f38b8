/* Tiles of convolutions whose weights are packed: w = step * code + offset, codes of 4, 2 or 1 bits.
 *
 *   sum over k of x[k] * w[k] = step * sum x[k] * code[k] + offset * sum x[k]
 *
 * The last sum is that of a pixel, the same for all channels: it is made once (`sums`, times offset). A
 * function `ew_packed_dot…` makes the first one, and the tile requantizes: it is a macro over the number of
 * channels and pixels and over the requantization.
 *
 * k holds bias, multiplier and shift of the tile's channels, in the convention of the requantization.
 * `stride`: bytes from one output pixel to the next; `count`: channels of the tile that exist. */
#ifndef EW_PACKED_TILE_H
#define EW_PACKED_TILE_H
#include "ew_math.h"

typedef struct {
  int32_t zero_point, low, high; /* of the output */
  int32_t step, offset;          /* of the weights */
} ew_packed;

/* Accumulators may pass through any value on the way: they are added up modulo 2^32. */
EW_INLINE int32_t ew_packed_total(int32_t sum, int32_t step, int32_t pixel, int32_t bias) {
  return (int32_t)((uint32_t)sum * (uint32_t)step + (uint32_t)pixel + (uint32_t)bias);
}

#define EW_PACKED_ARGUMENTS                                                                          \
  const uint32_t *w, const void *x, const int32_t *sums, const int32_t *k, int8_t *out, int32_t length, \
      int32_t stride, int32_t count, const ew_packed *g

#define EW_PACKED_TILE(NAME, DOT, CHANNELS, PIXELS, FINISH)                                            \
  EW_NOINLINE void NAME(EW_PACKED_ARGUMENTS) {                                                        \
    int32_t acc[CHANNELS * PIXELS];                                                                   \
    DOT(w, x, acc, length);                                                                           \
    for (int32_t i = 0; i < count; i++) {                                                             \
      int32_t b = k[i], m = k[CHANNELS + i], s = k[2 * CHANNELS + i];                                 \
      for (int32_t p = 0; p < PIXELS; p++) {                                                          \
        int32_t a = ew_packed_total(acc[p * CHANNELS + i], g->step, sums[p], b);                      \
        out[p * stride + i] = FINISH(a, m, s, g->zero_point, g->low, g->high);                        \
      }                                                                                               \
    }                                                                                                 \
  }
#define EW_PACKED_TILES(NAME, DOT, CHANNELS, PIXELS)                                 \
  EW_PACKED_TILE(NAME##_bounded, DOT, CHANNELS, PIXELS, ew_requantize_bounded)       \
  EW_PACKED_TILE(NAME##_general, DOT, CHANNELS, PIXELS, ew_requantize)               \
  EW_PACKED_TILE(NAME##_once, DOT, CHANNELS, PIXELS, ew_requantize_once)             \
  EW_PACKED_TILE(NAME##_once_right, DOT, CHANNELS, PIXELS, ew_requantize_once_right)
#endif
