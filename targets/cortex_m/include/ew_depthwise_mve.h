/* Depthwise convolution for Helium: four channels in the lanes of a vector.
 * Arguments as EW_DEPTHWISE_RUN in ew_depthwise.h; shifts in the TFLite convention. */
#ifndef EW_DEPTHWISE_MVE_H
#define EW_DEPTHWISE_MVE_H
#include "ew_depthwise.h"
#include "ew_dot_mve.h"

EW_NOINLINE void ew_depthwise_mve(EW_RUN_ARGUMENTS) {
  int32_t pixel = g->window.pixel, width = g->window.width, height = g->window.height;
  int32_t step = g->window.dilation * pixel, offset = column * pixel + channel;
  int32x4_t start = vld1q_s32(bias), multiplier = vld1q_s32(k), shift = vld1q_s32(k + 4);
  out += channel;
  for (; pixels > 0; pixels--, offset += g->stride * pixel, out += pixel) {
    int32x4_t a = start;
    for (int32_t y = 0; y < height; y++) {
      const int8_t *p = (const int8_t *)rows[y] + offset;
      const int8_t *q = w + (y * width + low) * 4;
      for (int32_t x = low; x < high; x++, p += step, q += 4)
        a = vaddq_s32(a, vmulq_s32(vldrbq_s32(p), vldrbq_s32(q)));
    }
    vstrbq_s32(out, ew_requantize_vector(a, multiplier, shift, g->zero_point, g->low, g->high));
  }
}
#endif
