/* Packed weights for Helium, w = step * code + offset: unpacked to int8 for a run of pixels, or multiplied as codes.
 *
 * The weights of four channels are vectors of 16 inputs, [depth / 16][channel][16], as in ew_dot_mve.h. 4 bits:
 * byte j of 16 holds codes j of two of these vectors; 2 bits: of four; 1 bit: the codes are in order. */
#ifndef EW_PACKED_MVE_H
#define EW_PACKED_MVE_H
#include "ew_dot_mve.h"
#include "ew_packed_tile.h"

/* To int8: `vectors` of 16 weights each. */

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

/* Four channels of a few pixels without unpacking: sums of products with codes a0 .. a3, and of the inputs (t).
 * Arguments as ew_tile_mve. */
#define EW_PACKED_CHUNK_4                                                   \
  uint8x16_t first = vld1q_u8(q), second = vld1q_u8(q + 16);                \
  q += 32;                                                                  \
  a0 = vmladavaq_s8(a0, v, vreinterpretq_s8_u8(vandq_u8(first, mask)));     \
  a1 = vmladavaq_s8(a1, v, vreinterpretq_s8_u8(vshrq_n_u8(first, 4)));      \
  a2 = vmladavaq_s8(a2, v, vreinterpretq_s8_u8(vandq_u8(second, mask)));    \
  a3 = vmladavaq_s8(a3, v, vreinterpretq_s8_u8(vshrq_n_u8(second, 4)));
#define EW_PACKED_CHUNK_2                                                                  \
  uint8x16_t c = vld1q_u8(q);                                                              \
  q += 16;                                                                                 \
  a0 = vmladavaq_s8(a0, v, vreinterpretq_s8_u8(vandq_u8(c, mask)));                        \
  a1 = vmladavaq_s8(a1, v, vreinterpretq_s8_u8(vandq_u8(vshrq_n_u8(c, 2), mask)));         \
  a2 = vmladavaq_s8(a2, v, vreinterpretq_s8_u8(vandq_u8(vshrq_n_u8(c, 4), mask)));         \
  a3 = vmladavaq_s8(a3, v, vreinterpretq_s8_u8(vshrq_n_u8(c, 6)));
#define EW_PACKED_CHUNK_1                                    \
  const uint16_t *h = (const uint16_t *)(const void *)q;     \
  q += 8;                                                    \
  a0 = vaddvaq_p_s8(a0, v, h[0]);                            \
  a1 = vaddvaq_p_s8(a1, v, h[1]);                            \
  a2 = vaddvaq_p_s8(a2, v, h[2]);                            \
  a3 = vaddvaq_p_s8(a3, v, h[3]);
#define EW_PACKED_DOT_MVE(BITS)                                                            \
  int32_t a0 = 0, a1 = 0, a2 = 0, a3 = 0, t = 0;                                           \
  {                                                                                        \
    const int8_t *p = x;                                                                   \
    const uint8_t *q = (const uint8_t *)w;                                                 \
    for (int32_t i = depth; i > 0; i--, p += 16) {                                         \
      int8x16_t v = vld1q_s8(p);                                                           \
      t = vaddvaq_s8(t, v);                                                                \
      EW_PACKED_CHUNK_##BITS                                                               \
    }                                                                                      \
    t *= g->offset;                                                                        \
    a0 = ew_packed_total(a0, g->step, t, k[0]);                                            \
    a1 = ew_packed_total(a1, g->step, t, k[1]);                                            \
    a2 = ew_packed_total(a2, g->step, t, k[2]);                                            \
    a3 = ew_packed_total(a3, g->step, t, k[3]);                                            \
  }
#define EW_PACKED_TILES_MVE(BITS)                                                                           \
  EW_NOINLINE void ew_packed_tile##BITS##_mve(const uint32_t *w, const int8_t *x, const int32_t *k, int8_t *out, \
                                              const ew_run *run, int32_t count, const ew_packed *g) {       \
    int32x4_t zero = vdupq_n_s32(0), multiplier = vld1q_s32(k + 4), shift = vld1q_s32(k + 8);               \
    int32x4_t left = vmaxq_s32(shift, zero), right = vminq_s32(shift, zero);                                \
    int32x4_t low = vdupq_n_s32(g->low), high = vdupq_n_s32(g->high);                                       \
    uint8x16_t mask = vdupq_n_u8((1 << BITS) - 1);                                                          \
    int32_t depth = run->depth / 16;                                                                        \
    (void)mask;                                                                                             \
    for (int32_t n = run->pixels; n > 0; n--, x += run->x_stride, out += run->out_stride) {                 \
      EW_PACKED_DOT_MVE(BITS)                                                                               \
      int32x4_t v = vsetq_lane_s32(a0, zero, 0);                                                            \
      v = vsetq_lane_s32(a1, v, 1);                                                                         \
      v = vsetq_lane_s32(a2, v, 2);                                                                         \
      v = vsetq_lane_s32(a3, v, 3);                                                                         \
      v = ew_requantize_vector(v, multiplier, left, right, g->zero_point, low, high);                       \
      vstrbq_p_s32(out, v, vctp32q((uint32_t)count));                                                       \
    }                                                                                                       \
  }                                                                                                         \
  EW_NOINLINE void ew_packed_tile##BITS##_once_mve(const uint32_t *w, const int8_t *x, const int32_t *k,    \
                                                   int8_t *out, const ew_run *run, int32_t count,           \
                                                   const ew_packed *g) {                                    \
    uint8x16_t mask = vdupq_n_u8((1 << BITS) - 1);                                                          \
    int32_t depth = run->depth / 16;                                                                        \
    (void)mask;                                                                                             \
    for (int32_t n = run->pixels; n > 0; n--, x += run->x_stride, out += run->out_stride) {                 \
      EW_PACKED_DOT_MVE(BITS)                                                                               \
      const int32_t acc[4] = {a0, a1, a2, a3};                                                              \
      for (int32_t i = 0; i < count; i++)                                                                   \
        out[i] = ew_requantize_once(acc[i], k[4 + i], k[8 + i], g->zero_point, g->low, g->high);            \
    }                                                                                                       \
  }
EW_PACKED_TILES_MVE(4)
EW_PACKED_TILES_MVE(2)
EW_PACKED_TILES_MVE(1)
#endif
