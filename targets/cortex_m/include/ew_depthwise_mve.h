/* Depthwise convolution for Helium: four channels in the lanes of a vector.
 * Arguments as EW_DEPTHWISE_RUN in ew_depthwise.h; shifts in the TFLite convention. */
#ifndef EW_DEPTHWISE_MVE_H
#define EW_DEPTHWISE_MVE_H
#include "ew_depthwise.h"
#include "ew_dot_mve.h"

EW_NOINLINE void ew_depthwise_mve(const void *const *rows, int8_t *out, int32_t column, int32_t pixels, int32_t low, int32_t high,
                                  int32_t channel, const int8_t *w, const int32_t *k, const ew_depthwise *g) {
  int32_t pixel = g->window.pixel, width = g->window.width, height = g->window.height;
  int32_t step = g->window.dilation * pixel, offset = column * pixel + channel;
  int32x4_t bias = vld1q_s32(k), multiplier = vld1q_s32(k + 4), shift = vld1q_s32(k + 8);
  for (int32_t i = 0; high - low < width && i < height * width; i++) {
    int32_t x = i % width;
    if (x < low || x >= high) bias = vmlaq_n_s32(bias, vldrbq_s32(w + 4 * i), g->window.zero_point);
  }
  out += channel;
  for (; pixels > 0; pixels--, offset += g->stride * pixel, out += pixel) {
    int32x4_t a = bias;
    for (int32_t y = 0; y < height; y++) {
      const int8_t *p = (const int8_t *)rows[y] + offset + low * step;
      const int8_t *q = w + (y * width + low) * 4;
      for (int32_t x = low; x < high; x++, p += step, q += 4)
        a = vaddq_s32(a, vmulq_s32(vldrbq_s32(p), vldrbq_s32(q)));
    }
    vstrbq_s32(out, ew_requantize_vector(a, multiplier, shift, g->zero_point, g->low, g->high));
  }
}
#endif
