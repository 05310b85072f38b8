/* Element-wise arithmetic of two int8 operands and conversions, exact as TFLite's reference kernels. */
#ifndef EW_ELEMENTWISE_H
#define EW_ELEMENTWISE_H
#include "ew_math.h"

typedef struct {
  int32_t zero_a, zero_b;
  int32_t multiplier_a, shift_a, multiplier_b, shift_b; /* shifts: to the right, >= 0 */
  int32_t multiplier, shift;                            /* of the result, positive = left */
  int32_t zero_point, low, high;
  int32_t left_shift;
} ew_binary;

/* Sum of two rescaled operands; the second multiplier is negated for a difference by the caller's sign. */
EW_INLINE int8_t ew_add(int32_t a, int32_t b, int32_t sign, const ew_binary *p) {
  int32_t va = ew_divide_pot(ew_srdhm_bounded((int32_t)((uint32_t)(a - p->zero_a) << p->left_shift), p->multiplier_a), p->shift_a);
  int32_t vb = ew_divide_pot(ew_srdhm_bounded((int32_t)((uint32_t)(b - p->zero_b) << p->left_shift), p->multiplier_b), p->shift_b);
  return ew_requantize(va + sign * vb, p->multiplier, p->shift, p->zero_point, p->low, p->high);
}

EW_INLINE int8_t ew_mul(int32_t a, int32_t b, const ew_binary *p) {
  return ew_requantize((a - p->zero_a) * (b - p->zero_b), p->multiplier, p->shift, p->zero_point, p->low, p->high);
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
