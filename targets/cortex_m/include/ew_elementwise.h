/* Element-wise arithmetic of two int8 operands and conversions, exact as TFLite's reference kernels. */
#ifndef EW_ELEMENTWISE_H
#define EW_ELEMENTWISE_H
#include "ew_math.h"

/* (x - zero) * 2^left * multiplier * 2^-31, rounded, then divided by 2^shift, halves away from zero;
 * |x - zero| <= 255 and left <= 20. All but x are literals, so that the case of shift 0 costs nothing. */
EW_INLINE int32_t ew_rescale(int32_t x, int32_t zero, int32_t left, int32_t multiplier, int32_t shift) {
  int32_t v = ew_srdhm_bounded((int32_t)((uint32_t)(x - zero) << left), multiplier);
  return shift == 0 ? v : (v + (v >> 31) + (1 << (shift - 1))) >> shift;
}
/* clamp(v >> shift), all but v literals. */
EW_INLINE int8_t ew_shifted(int32_t v, int32_t shift, int32_t low, int32_t high) {
#if defined(__ARM_FEATURE_SAT)
  if (low == -128 && high == 127) {
    int32_t r;
    __asm("ssat %0, #8, %1, asr %2" : "=r"(r) : "r"(v), "i"(shift));
    return (int8_t)r;
  }
#endif
  return (int8_t)ew_clamp(v >> shift, low, high);
}
/* clamp((a * first + b * second + constant) >> shift); the generator proves that the sum fits. */
EW_INLINE int8_t ew_linear_sum(int32_t a, int32_t b, int32_t first, int32_t second, int32_t constant,
                               int32_t shift, int32_t low, int32_t high) {
  return ew_shifted(a * first + b * second + constant, shift, low, high);
}
/* round(x / scale) + zero_point, halves away from zero, clamped; NaN becomes the zero point. */
EW_INLINE int32_t ew_quantize(float x, float scale, int32_t zero_point, int32_t low, int32_t high) {
  float r = x / scale;
  float magnitude = r < 0.0f ? -r : r;
  if (!(magnitude < 1024.0f)) return r > 0.0f ? high : r < 0.0f ? low : zero_point;
  int32_t whole = (int32_t)magnitude;
  if (magnitude - (float)whole >= 0.5f) whole++;
  return ew_clamp((r < 0.0f ? -whole : whole) + zero_point, low, high);
}
#endif
