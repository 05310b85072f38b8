/* Tiles for Helium (Armv8.1-M MVE): 16 int8 products an instruction, input left as int8.
 *   acc[channel] = bias[channel] + sum over k of x[k] * w[k / 16][channel][k % 16]
 * depth is a multiple of 16 (zero weights behind the end); four channels of a run of pixels a call, so
 * that constants are loaded once. */
#ifndef EW_DOT_MVE_H
#define EW_DOT_MVE_H
#include <arm_mve.h>
#include "ew_tile.h"

/* Four accumulators to int8 range, two roundings, any shift: as ew_requantize. `right` is min(shift, 0). */
EW_INLINE int32x4_t ew_requantize_vector(int32x4_t a, int32x4_t m, int32x4_t left, int32x4_t right, int32_t zp,
                                         int32x4_t low, int32x4_t high) {
  int32x4_t v = vqrdmulhq_s32(vshlq_s32(a, left), m);
  /* Rounding shifts round half up; negative values get one less, so that halves go away from zero. */
  v = vrshlq_s32(vqaddq_s32(v, vshrq_n_s32(vandq_s32(v, right), 31)), right);
  return vminq_s32(vmaxq_s32(vaddq_n_s32(v, zp), low), high);
}

typedef struct {
  int32_t pixels, x_stride, out_stride; /* pixels of the run; bytes from one to the next */
  int32_t depth;                        /* bytes of a receptive field */
} ew_run;

#define EW_DOT_4_MVE(x, w)                                              \
  int32_t a0 = k[0], a1 = k[1], a2 = k[2], a3 = k[3];                   \
  {                                                                     \
    const int8_t *p = (x), *q = (w);                                    \
    for (int32_t i = depth; i > 0; i--, p += 16, q += 64) {             \
      int8x16_t v = vld1q_s8(p);                                        \
      a0 = vmladavaq_s8(a0, v, vld1q_s8(q));                            \
      a1 = vmladavaq_s8(a1, v, vld1q_s8(q + 16));                       \
      a2 = vmladavaq_s8(a2, v, vld1q_s8(q + 32));                       \
      a3 = vmladavaq_s8(a3, v, vld1q_s8(q + 48));                       \
    }                                                                   \
  }

/* k: bias[4], multiplier[4], shift[4] (TFLite's). Two roundings. */
EW_NOINLINE void ew_tile_mve(const int8_t *w, const int8_t *x, const int32_t *k, int8_t *out, const ew_run *run,
                             int32_t count, const ew_output *g) {
  int32x4_t zero = vdupq_n_s32(0), multiplier = vld1q_s32(k + 4), shift = vld1q_s32(k + 8);
  int32x4_t left = vmaxq_s32(shift, zero), right = vminq_s32(shift, zero);
  mve_pred16_t exists = vctp32q((uint32_t)count);
  int32_t depth = run->depth / 16;
  for (int32_t n = run->pixels; n > 0; n--, x += run->x_stride, out += run->out_stride) {
    EW_DOT_4_MVE(x, w)
    int32x4_t v = zero;
    v = vsetq_lane_s32(a0, v, 0);
    v = vsetq_lane_s32(a1, v, 1);
    v = vsetq_lane_s32(a2, v, 2);
    v = vsetq_lane_s32(a3, v, 3);
    v = ew_requantize_vector(v, multiplier, left, right, g->zero_point, vdupq_n_s32(g->low), vdupq_n_s32(g->high));
    vstrbq_p_s32(out, v, exists);
  }
}

/* The same with one rounding (fully connected). */
EW_NOINLINE void ew_tile_once_mve(const int8_t *w, const int8_t *x, const int32_t *k, int8_t *out, const ew_run *run,
                                  int32_t count, const ew_output *g) {
  int32_t depth = run->depth / 16;
  for (int32_t n = run->pixels; n > 0; n--, x += run->x_stride, out += run->out_stride) {
    EW_DOT_4_MVE(x, w)
    const int32_t acc[4] = {a0, a1, a2, a3};
    for (int32_t i = 0; i < count; i++)
      out[i] = ew_requantize_once(acc[i], k[4 + i], k[8 + i], g->zero_point, g->low, g->high);
  }
}
#endif
