/* Sum or difference of two int8 tensors of equal shape for Helium, four elements at a time. */
#ifndef EW_ADD_MVE_H
#define EW_ADD_MVE_H
#include "ew_dot_mve.h"

typedef struct {
  int32_t zero_a, multiplier_a, shift_a; /* shifts as TFLite's: positive = left */
  int32_t zero_b, multiplier_b, shift_b;
  int32_t left_shift, sign;
  int32_t multiplier, shift, zero_point, low, high;
} ew_sum;

/* x * 2^left * multiplier * 2^-31, rounded, then divided by 2^-right, halves away from zero. */
EW_INLINE int32x4_t ew_rescale_vector(int32x4_t x, int32_t left, int32_t multiplier, int32_t right) {
  int32x4_t v = vqrdmulhq_n_s32(vshlq_r_s32(x, left), multiplier);
  int32x4_t s = vdupq_n_s32(right);
  return vrshlq_s32(vqaddq_s32(v, vshrq_n_s32(vandq_s32(v, s), 31)), s);
}

EW_NOINLINE void ew_add_mve(const int8_t *a, const int8_t *b, int8_t *out, int32_t count, const ew_sum *p) {
  int32x4_t low = vdupq_n_s32(p->low), high = vdupq_n_s32(p->high);
  int32_t left = p->shift > 0 ? p->shift : 0, right = p->shift > 0 ? 0 : p->shift;
  for (; count > 0; count -= 4, a += 4, b += 4, out += 4) {
    mve_pred16_t exists = vctp32q((uint32_t)count);
    int32x4_t x = vsubq_n_s32(vldrbq_z_s32(a, exists), p->zero_a);
    int32x4_t y = vsubq_n_s32(vldrbq_z_s32(b, exists), p->zero_b);
    x = ew_rescale_vector(x, p->left_shift, p->multiplier_a, p->shift_a);
    y = ew_rescale_vector(y, p->left_shift, p->multiplier_b, p->shift_b);
    x = p->sign > 0 ? vaddq_s32(x, y) : vsubq_s32(x, y);
    x = vaddq_n_s32(ew_rescale_vector(x, left, p->multiplier, right), p->zero_point);
    vstrbq_p_s32(out, vminq_s32(vmaxq_s32(x, low), high), exists);
  }
}
#endif
