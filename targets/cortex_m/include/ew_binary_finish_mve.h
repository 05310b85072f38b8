/* From planes of mismatches to requantized int8 on Helium. */
#ifndef EW_BINARY_FINISH_MVE_H
#define EW_BINARY_FINISH_MVE_H
#include "ew_binary_counts.h"
#include "ew_dot_mve.h"

/* At most 32 channels of a pixel: requantized (terms - 2 * mismatches) * factor + bias. k: biases, multipliers
 * and shifts, `pitch` apart. */
EW_NOINLINE void ew_binary_finish_general(const uint32_t *planes, int32_t plane_step, int32_t terms,
                                          const ew_binary_window *g, const int32_t *k, int32_t factor, int32_t count,
                                          int8_t *out, const ew_output *y) {
  uint16_t counts[32];
  int32x4_t zero = vdupq_n_s32(0);
  ew_binary_counts(planes, plane_step, g->top, counts);
  for (int32_t o = 0; o < 32 && o < count; o += 4, k += 4) {
    mve_pred16_t exists = vctp32q((uint32_t)(count - o));
    int32x4_t shift = vld1q_z_s32(k + 2 * g->pitch, exists);
    int32x4_t sum = vsubq_s32(vdupq_n_s32(terms), vshlq_n_s32(vreinterpretq_s32_u32(vldrhq_u32(counts + o)), 1));
    int32x4_t a = vaddq_s32(vmulq_n_s32(sum, factor), vld1q_z_s32(k, exists));
    a = ew_requantize_vector(a, vld1q_z_s32(k + g->pitch, exists), vmaxq_s32(shift, zero), vminq_s32(shift, zero),
                             y->zero_point, vdupq_n_s32(y->low), vdupq_n_s32(y->high));
    vstrbq_p_s32(out + o, a, exists);
  }
}
#endif
