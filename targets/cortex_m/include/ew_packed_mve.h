/* Packed weights to int8 for Helium, w = step * code + offset; `vectors` of 16 weights each.
 * 4 bits: byte j of 16 holds codes j and 16 + j; 2 bits: j, 16 + j, 32 + j and 48 + j; 1 bit: codes in order. */
#ifndef EW_PACKED_MVE_H
#define EW_PACKED_MVE_H
#include "ew_dot_mve.h"

EW_NOINLINE void ew_packed_unpack4_mve(const uint32_t *w, int8_t *d, int32_t vectors, int32_t step, int32_t offset) {
  const uint8_t *p = (const uint8_t *)w;
  (void)step; /* 1 */
  for (; vectors > 0; vectors -= 2, p += 16, d += 32) {
    uint8x16_t v = vld1q_u8(p);
    vst1q_s8(d, vaddq_n_s8(vreinterpretq_s8_u8(vandq_u8(v, vdupq_n_u8(15))), (int8_t)offset));
    vst1q_s8(d + 16, vaddq_n_s8(vreinterpretq_s8_u8(vshrq_n_u8(v, 4)), (int8_t)offset));
  }
}

EW_NOINLINE void ew_packed_unpack2_mve(const uint32_t *w, int8_t *d, int32_t vectors, int32_t step, int32_t offset) {
  const uint8_t *p = (const uint8_t *)w;
  int8x16_t steps = vdupq_n_s8((int8_t)step);
  uint8x16_t mask = vdupq_n_u8(3);
#define EW_PACKED_PLANE(i, codes) \
  vst1q_s8(d + 16 * (i), vmlasq_n_s8(vreinterpretq_s8_u8(codes), steps, (int8_t)offset));
  for (; vectors > 0; vectors -= 4, p += 16, d += 64) {
    uint8x16_t v = vld1q_u8(p);
    EW_PACKED_PLANE(0, vandq_u8(v, mask))
    EW_PACKED_PLANE(1, vandq_u8(vshrq_n_u8(v, 2), mask))
    EW_PACKED_PLANE(2, vandq_u8(vshrq_n_u8(v, 4), mask))
    EW_PACKED_PLANE(3, vshrq_n_u8(v, 6))
  }
#undef EW_PACKED_PLANE
}

EW_NOINLINE void ew_packed_unpack1_mve(const uint32_t *w, int8_t *d, int32_t vectors, int32_t step, int32_t offset) {
  const uint16_t *p = (const uint16_t *)(const void *)w;
  int8x16_t low = vdupq_n_s8((int8_t)offset), high = vdupq_n_s8((int8_t)(offset + step));
  for (; vectors > 0; vectors--, d += 16) vst1q_s8(d, vpselq_s8(high, low, *p++));
}
#endif
