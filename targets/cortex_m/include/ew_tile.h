/* Tiles: accumulate some channels of some pixels over the whole depth, then requantize and store them.
 *
 *   acc[pixel][channel] = bias[channel] + sum over k of x[k][pixel][4] * w[k][channel][4]     (ew_dot_2xP)
 *   acc[channel]        = bias[channel] + sum over k of x[k][4] * w[k][channel][4]            (ew_dot_4x1)
 *
 * 2xP: x is int16, each quad as (0, 2, 1, 3) (ew_gather.h); w in natural order. 4x1: x is int8.
 * k holds bias, multiplier and shift of the tile's channels, in the convention of the requantization.
 * `stride`: bytes from one output pixel to the next; `count`: channels of the tile that exist. */
#ifndef EW_TILE_H
#define EW_TILE_H
#include "ew_math.h"

typedef struct {
  int32_t zero_point, low, high;
} ew_output;

/* A tile of two channels, from a function that stores its accumulators. */
#define EW_TILE_OF(NAME, DOT, TYPE, PIXELS, FINISH)                                                   \
  EW_NOINLINE void NAME(const int8_t *w, const TYPE *x, const int32_t *k, int8_t *out, int32_t quads, \
                        int32_t stride, int32_t count, const ew_output *g) {                          \
    int32_t acc[2 * PIXELS];                                                                          \
    DOT(w, x, k, acc, quads);                                                                         \
    for (int32_t i = 0; i < count; i++)                                                               \
      for (int32_t p = 0; p < PIXELS; p++)                                                            \
        out[p * stride + i] = FINISH(acc[2 * p + i], k[2 + i], k[4 + i], g->zero_point, g->low, g->high); \
  }
#define EW_TILE(NAME, PIXELS, FINISH) EW_TILE_OF(NAME, ew_dot_2x##PIXELS, int16_t, PIXELS, FINISH)

#define EW_TILES(PIXELS)                                                       \
  EW_TILE(ew_tile_2x##PIXELS##_bounded, PIXELS, ew_requantize_bounded)         \
  EW_TILE(ew_tile_2x##PIXELS##_general, PIXELS, ew_requantize)                 \
  EW_TILE(ew_tile_2x##PIXELS##_once, PIXELS, ew_requantize_once)               \
  EW_TILE(ew_tile_2x##PIXELS##_once_right, PIXELS, ew_requantize_once_right)

#define EW_TILE_4X1(NAME, FINISH)                                                                     \
  EW_NOINLINE void NAME(const int8_t *w, const int8_t *x, const int32_t *k, int8_t *out, int32_t quads, \
                        int32_t count, const ew_output *g) {                                          \
    int32_t acc[4];                                                                                   \
    ew_dot_4x1(w, x, k, acc, quads);                                                                  \
    for (int32_t i = 0; i < count; i++)                                                               \
      out[i] = FINISH(acc[i], k[4 + i], k[8 + i], g->zero_point, g->low, g->high);                    \
  }

#define EW_TILES_4X1                                          \
  EW_TILE_4X1(ew_tile_4x1_bounded, ew_requantize_bounded)     \
  EW_TILE_4X1(ew_tile_4x1_general, ew_requantize)             \
  EW_TILE_4X1(ew_tile_4x1_once, ew_requantize_once)           \
  EW_TILE_4X1(ew_tile_4x1_once_right, ew_requantize_once_right)
#endif
