/* Average of all pixels of a tensor for Helium, sixteen channels at a time. */
#ifndef EW_POOL_MVE_H
#define EW_POOL_MVE_H
#include <arm_mve.h>
#include "ew_math.h"

typedef struct {
  int32_t pixels, channels, low, high;
} ew_whole;

/* Pixels whose sum fits 16 bits. */
#define EW_MOST_ADDED 255

/* Halves away from zero. */
EW_INLINE int8_t ew_whole_average(int32_t sum, const ew_whole *g) {
  int32_t half = g->pixels / 2;
  return (int8_t)ew_clamp((sum > 0 ? sum + half : sum - half) / g->pixels, g->low, g->high);
}

/* Sums of `N` blocks of 8 channels: even channels, then odd ones, of every block. */
#define EW_SUMS_MVE(N, LOAD)                                                         \
  int32x4_t even[N], odd[N];                                                         \
  const int8_t *p = x;                                                               \
  for (int32_t i = 0; i < N; i++) even[i] = odd[i] = vdupq_n_s32(0);                 \
  for (int32_t left = g->pixels; left > 0; left -= EW_MOST_ADDED) {                  \
    int16x8_t sum[N];                                                                \
    for (int32_t i = 0; i < N; i++) sum[i] = vdupq_n_s16(0);                         \
    for (int32_t n = left < EW_MOST_ADDED ? left : EW_MOST_ADDED; n > 0; n--, p += channels) \
      for (int32_t i = 0; i < N; i++) sum[i] = vaddq_s16(sum[i], LOAD(p + 8 * i));   \
    for (int32_t i = 0; i < N; i++) {                                                \
      even[i] = vaddq_s32(even[i], vmovlbq_s16(sum[i]));                             \
      odd[i] = vaddq_s32(odd[i], vmovltq_s16(sum[i]));                               \
    }                                                                                \
  }

EW_NOINLINE void ew_average_whole_mve(const int8_t *x, int8_t *out, const ew_whole *g) {
  int32_t channels = g->channels, c = channels;
  int32_t sums[16];
  for (; c >= 16; c -= 16, x += 16, out += 16) {
    EW_SUMS_MVE(2, vldrbq_s16)
    for (int32_t i = 0; i < 2; i++) {
      vst1q_s32(sums + 8 * i, even[i]);
      vst1q_s32(sums + 8 * i + 4, odd[i]);
    }
    for (int32_t i = 0; i < 16; i++) out[i] = ew_whole_average(sums[(i & 8) + ((i & 1) << 2) + ((i & 7) >> 1)], g);
  }
  for (; c > 0; c -= 8, x += 8, out += 8) {
    mve_pred16_t exist = vctp16q((uint32_t)c);
#define EW_LOAD_EXISTING(q) vldrbq_z_s16(q, exist)
    EW_SUMS_MVE(1, EW_LOAD_EXISTING)
#undef EW_LOAD_EXISTING
    vst1q_s32(sums, even[0]);
    vst1q_s32(sums + 4, odd[0]);
    for (int32_t i = 0; i < (c < 8 ? c : 8); i++) out[i] = ew_whole_average(sums[((i & 1) << 2) + (i >> 1)], g);
  }
}
#endif
