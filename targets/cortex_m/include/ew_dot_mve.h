/* Dot products for Helium (Armv8.1-M MVE): 16 int8 products an instruction, input left as int8.
 *   acc[channel] = bias[channel] + sum over k of x[k] * w[channel][k]
 * depth is a multiple of 16 (zero weights behind the end). */
#ifndef EW_DOT_MVE_H
#define EW_DOT_MVE_H
#include <arm_mve.h>
#include "ew_tile.h"

EW_INLINE void ew_dot_4x1_mve(const int8_t *w, const int8_t *x, const int32_t *bias, int32_t *acc, int32_t depth) {
  const int8_t *w1 = w + depth, *w2 = w1 + depth, *w3 = w2 + depth;
  int32_t a0 = bias[0], a1 = bias[1], a2 = bias[2], a3 = bias[3];
  for (int32_t k = 0; k < depth; k += 16) {
    int8x16_t v = vld1q_s8(x + k);
    a0 = vmladavaq_s8(a0, v, vld1q_s8(w + k));
    a1 = vmladavaq_s8(a1, v, vld1q_s8(w1 + k));
    a2 = vmladavaq_s8(a2, v, vld1q_s8(w2 + k));
    a3 = vmladavaq_s8(a3, v, vld1q_s8(w3 + k));
  }
  acc[0] = a0;
  acc[1] = a1;
  acc[2] = a2;
  acc[3] = a3;
}

/* Four accumulators to int8, two roundings, any shift: as ew_requantize. */
EW_INLINE int32x4_t ew_requantize_vector(int32x4_t a, int32x4_t m, int32x4_t shift, int32_t zp, int32_t low, int32_t high) {
  int32x4_t zero = vdupq_n_s32(0);
  int32x4_t v = vqrdmulhq_s32(vshlq_s32(a, vmaxq_s32(shift, zero)), m);
  int32x4_t right = vminq_s32(shift, zero);
  /* Rounding shifts round half up; negative values get one less, so that halves go away from zero. */
  v = vrshlq_s32(vqaddq_s32(v, vshrq_n_s32(vandq_s32(v, right), 31)), right);
  v = vaddq_n_s32(v, zp);
  return vminq_s32(vmaxq_s32(v, vdupq_n_s32(low)), vdupq_n_s32(high));
}

/* One pixel, the first `count` of four channels; k: bias[4], multiplier[4], shift[4]. Two roundings. */
EW_NOINLINE void ew_tile_4x1_mve(const int8_t *w, const int8_t *x, const int32_t *k, int8_t *out, int32_t depth,
                                 int32_t count, const ew_output *g) {
  int32_t acc[4];
  ew_dot_4x1_mve(w, x, k, acc, depth);
  int32x4_t v = ew_requantize_vector(vld1q_s32(acc), vld1q_s32(k + 4), vld1q_s32(k + 8), g->zero_point, g->low, g->high);
  vstrbq_p_s32(out, v, vctp32q((uint32_t)count));
}

/* The same with one rounding (fully connected). */
EW_NOINLINE void ew_tile_4x1_once_mve(const int8_t *w, const int8_t *x, const int32_t *k, int8_t *out, int32_t depth,
                                      int32_t count, const ew_output *g) {
  int32_t acc[4];
  ew_dot_4x1_mve(w, x, k, acc, depth);
  for (int32_t i = 0; i < count; i++)
    out[i] = ew_requantize_once(acc[i], k[4 + i], k[8 + i], g->zero_point, g->low, g->high);
}
#endif
