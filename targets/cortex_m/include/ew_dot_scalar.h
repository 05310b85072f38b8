/* Dot products in portable C.
 *   acc[pixel][channel] += sum over k of x[k][pixel][4] * w[k][channel][4]
 * x holds each quad as (0, 2, 1, 3), w in natural order. */
#ifndef EW_DOT_SCALAR_H
#define EW_DOT_SCALAR_H
#include "ew_math.h"

EW_NOINLINE void ew_dot_2x1(const int8_t *w, const int16_t *x, int32_t *acc, int32_t quads) {
  int32_t a0 = acc[0], a1 = acc[1];
  for (; quads > 0; quads--, w += 8, x += 4) {
    int32_t x0 = x[0], x2 = x[1], x1 = x[2], x3 = x[3];
    a0 += x0 * w[0] + x1 * w[1] + x2 * w[2] + x3 * w[3];
    a1 += x0 * w[4] + x1 * w[5] + x2 * w[6] + x3 * w[7];
  }
  acc[0] = a0;
  acc[1] = a1;
}

EW_NOINLINE void ew_dot_2x2(const int8_t *w, const int16_t *x, int32_t *acc, int32_t quads) {
  int32_t a0 = acc[0], a1 = acc[1], b0 = acc[2], b1 = acc[3];
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

/* acc[channel] += sum over k of x[k][4] * w[k][channel][4], int8 x of any alignment */
EW_NOINLINE void ew_dot_4x1_s8(const int8_t *w, const int8_t *x, int32_t *acc, int32_t quads) {
  int32_t a0 = acc[0], a1 = acc[1], a2 = acc[2], a3 = acc[3];
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
#endif
