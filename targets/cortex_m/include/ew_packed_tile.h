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

EW_INLINE int8_t ew_packed_relu(int32_t a, int32_t m, int32_t s1, int32_t zp, int32_t low, int32_t high) {
  (void)zp;
  (void)low;
  (void)high;
  return ew_requantize_relu(a, m, s1);
}

/* ew_requantize_bounded where the clamp is that of int8; s1 is the right shift less 1. */
EW_INLINE int8_t ew_packed_linear(int32_t a, int32_t m, int32_t s1, int32_t zp, int32_t low, int32_t high) {
  int32_t v = ew_srdhm_bounded(a, m);
  v = zp + ((((v + (v >> 31)) >> s1) + 1) >> 1);
#if defined(__ARM_FEATURE_DSP)
  (void)low;
  (void)high;
  int32_t r;
  __asm("ssat %0, #8, %1" : "=r"(r) : "r"(v));
  return (int8_t)r;
#else
  return (int8_t)ew_clamp(v, low, high);
#endif
}

/* Accumulators may pass through any value on the way: they are added up modulo 2^32. */
EW_INLINE int32_t ew_packed_total(int32_t sum, int32_t step, int32_t pixel, int32_t bias) {
  return (int32_t)((uint32_t)sum * (uint32_t)step + (uint32_t)pixel + (uint32_t)bias);
}

#define EW_PACKED_ARGUMENTS                                                                          \
  const uint32_t *w, const void *x, const int32_t *sums, const int32_t *k, int8_t *out, int32_t length, \
      int32_t stride, int32_t count, const ew_packed *g

/* COUNT: `count`, or CHANNELS where all of them exist. TOTAL: of (acc[..], pixel, bias). */
#define EW_PACKED_TILE(NAME, DOT, CHANNELS, PIXELS, COUNT, TOTAL, FINISH)                             \
  EW_NOINLINE void NAME(EW_PACKED_ARGUMENTS) {                                                        \
    int32_t acc[CHANNELS * PIXELS];                                                                   \
    (void)sums;                                                                                       \
    (void)count;                                                                                      \
    DOT(w, x, acc, length);                                                                           \
    _Pragma("GCC unroll 4") for (int32_t i = 0; i < COUNT; i++) {                                     \
      int32_t b = k[i], m = k[CHANNELS + i], s = k[2 * CHANNELS + i];                                 \
      _Pragma("GCC unroll 4") for (int32_t p = 0; p < PIXELS; p++)                                    \
        out[p * stride + i] = FINISH(TOTAL(acc[p * CHANNELS + i], p, b), m, s, g->zero_point, g->low, g->high); \
    }                                                                                                 \
  }
#define EW_TOTAL_OF_CODES(a, p, b) ew_packed_total(a, g->step, sums[p], b)
#define EW_TOTAL_OF_SIGNS(a, p, b) ew_packed_total(a, 1, 0, b)

/* The requantizations, of a macro MAKE(NAME, DOT, CHANNELS, PIXELS, COUNT, TOTAL, FINISH). */
#define EW_PACKED_TILES(NAME, DOT, CHANNELS, PIXELS, TOTAL)                                           \
  EW_PACKED_TILE(NAME##_bounded, DOT, CHANNELS, PIXELS, count, TOTAL, ew_requantize_bounded)          \
  EW_PACKED_TILE(NAME##_general, DOT, CHANNELS, PIXELS, count, TOTAL, ew_requantize)                  \
  EW_PACKED_TILE(NAME##_once, DOT, CHANNELS, PIXELS, count, TOTAL, ew_requantize_once)                \
  EW_PACKED_TILE(NAME##_once_right, DOT, CHANNELS, PIXELS, count, TOTAL, ew_requantize_once_right)
#define EW_PACKED_TILES_WHOLE(NAME, DOT, CHANNELS, PIXELS, TOTAL)                                     \
  EW_PACKED_TILE(NAME##_relu, DOT, CHANNELS, PIXELS, CHANNELS, TOTAL, ew_packed_relu)                 \
  EW_PACKED_TILE(NAME##_linear, DOT, CHANNELS, PIXELS, CHANNELS, TOTAL, ew_packed_linear)
#endif
