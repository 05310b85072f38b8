/* Tiles of a convolution in portable C: two channels of one or two pixels, four of a fully connected layer. */
#ifndef EW_DOT_SCALAR_H
#define EW_DOT_SCALAR_H
#include "ew_tile.h"

EW_NOINLINE void ew_dot_2x1(const int8_t *w, const int16_t *x, const int32_t *bias, int32_t *acc, int32_t quads) {
  int32_t a0 = bias[0], a1 = bias[1];
  for (; quads > 0; quads--, w += 8, x += 4) {
    int32_t x0 = x[0], x2 = x[1], x1 = x[2], x3 = x[3];
    a0 += x0 * w[0] + x1 * w[1] + x2 * w[2] + x3 * w[3];
    a1 += x0 * w[4] + x1 * w[5] + x2 * w[6] + x3 * w[7];
  }
  acc[0] = a0;
  acc[1] = a1;
}

EW_NOINLINE void ew_dot_2x2(const int8_t *w, const int16_t *x, const int32_t *bias, int32_t *acc, int32_t quads) {
  int32_t a0 = bias[0], a1 = bias[1], b0 = bias[0], b1 = bias[1];
  static const uint8_t order[4] = {0, 2, 1, 3};
  for (; quads > 0; quads--, w += 8, x += 8) {
    for (int32_t i = 0; i < 4; i++) {
      int32_t w0 = w[order[i]], w1 = w[4 + order[i]], x0 = x[i], x1 = x[4 + i];
      a0 += x0 * w0;
      a1 += x0 * w1;
      b0 += x1 * w0;
      b1 += x1 * w1;
    }
  }
  acc[0] = a0;
  acc[1] = a1;
  acc[2] = b0;
  acc[3] = b1;
}

EW_NOINLINE void ew_dot_4x1(const int8_t *w, const int8_t *x, const int32_t *bias, int32_t *acc, int32_t quads) {
  int32_t a0 = bias[0], a1 = bias[1], a2 = bias[2], a3 = bias[3];
  for (; quads > 0; quads--, w += 16, x += 4) {
    for (int32_t i = 0; i < 4; i++) {
      int32_t v = x[i];
      a0 += v * w[i];
      a1 += v * w[4 + i];
      a2 += v * w[8 + i];
      a3 += v * w[12 + i];
    }
  }
  acc[0] = a0;
  acc[1] = a1;
  acc[2] = a2;
  acc[3] = a3;
}

EW_TILES(1)
EW_TILES(2)
EW_TILES_4X1
#endif
