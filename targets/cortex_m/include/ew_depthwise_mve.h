/* Depthwise convolution for Helium: four channels in the lanes of a vector.
 * Arguments as EW_DEPTHWISE_RUN in ew_depthwise.h; shifts in the TFLite convention. */
#ifndef EW_DEPTHWISE_MVE_H
#define EW_DEPTHWISE_MVE_H
#include "ew_depthwise.h"
#include "ew_dot_mve.h"

#define EW_MULTIPLY_MVE(p, q) a = vaddq_s32(a, vmulq_s32(vldrbq_s32(p), vldrbq_s32(q)));
#define EW_FINISH_MVE                                                                                  \
  vstrbq_s32(out, ew_requantize_vector(a, multiplier, left, right, g->zero_point, low_limit, high_limit)); \
  out += pixel;
#define EW_CONSTANTS_MVE                                                                       \
  int32x4_t start = vld1q_s32(bias), multiplier = vld1q_s32(k), shift = vld1q_s32(k + 4);      \
  int32x4_t left = vmaxq_s32(shift, vdupq_n_s32(0)), right = vminq_s32(shift, vdupq_n_s32(0)); \
  int32x4_t low_limit = vdupq_n_s32(g->low), high_limit = vdupq_n_s32(g->high);

EW_NOINLINE void ew_depthwise_mve(EW_RUN_ARGUMENTS) {
  int32_t pixel = g->window.pixel, width = g->window.width, height = g->window.height;
  int32_t step = g->window.dilation * pixel, offset = column * pixel + channel;
  EW_CONSTANTS_MVE
  out += channel;
  for (; pixels > 0; pixels--, offset += g->stride * pixel) {
    int32x4_t a = start;
    for (int32_t y = 0; y < height; y++) {
      const int8_t *p = (const int8_t *)rows[y] + offset;
      const int8_t *q = w + (y * width + low) * 4;
      for (int32_t x = high - low; x > 0; x--, p += step, q += 4) EW_MULTIPLY_MVE(p, q)
    }
    EW_FINISH_MVE
  }
}

/* Windows of 3x3 that lie wholly inside, unrolled. */
EW_NOINLINE void ew_depthwise_3x3_mve(EW_RUN_ARGUMENTS) {
  (void)low;
  (void)high;
  int32_t pixel = g->window.pixel, offset = column * pixel + channel, advance = (g->stride - 2) * pixel;
  const int8_t *p0 = (const int8_t *)rows[0] + offset;
  const int8_t *p1 = (const int8_t *)rows[1] + offset;
  const int8_t *p2 = (const int8_t *)rows[2] + offset;
  EW_CONSTANTS_MVE
  out += channel;
  for (; pixels > 0; pixels--, p0 += advance, p1 += advance, p2 += advance) {
    int32x4_t a = start;
    const int8_t *q = w;
    for (int32_t x = 3;; p0 += pixel, p1 += pixel, p2 += pixel, q += 4) {
      EW_MULTIPLY_MVE(p0, q)
      EW_MULTIPLY_MVE(p1, q + 12)
      EW_MULTIPLY_MVE(p2, q + 24)
      if (--x == 0) break;
    }
    EW_FINISH_MVE
  }
}
#endif
