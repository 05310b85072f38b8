/* Mean distance from the zero point, with 7 bits behind the point; sums stay below 2^31. */
#ifndef EW_BINARY_MAGNITUDE_H
#define EW_BINARY_MAGNITUDE_H
#include "ew_math.h"
#if defined(__ARM_FEATURE_MVE)
#include <arm_mve.h>
#endif

EW_NOINLINE void ew_mean_magnitude_add(const int8_t *x, uint32_t *sum, int32_t count, int32_t zero_point) {
  uint32_t total = *sum;
#if defined(__ARM_FEATURE_MVE)
  for (; count >= 16; count -= 16, x += 16) total = vabavq_s8(total, vld1q_s8(x), vdupq_n_s8((int8_t)zero_point));
#elif defined(__ARM_FEATURE_DSP)
  uint32_t zeros = ((uint32_t)zero_point & 0xFFu) * 0x01010101u ^ 0x80808080u, v;
  for (; count >= 4; count -= 4, x += 4) {
    memcpy(&v, x, 4);
    __asm("usada8 %0, %1, %2, %0" : "+r"(total) : "r"(v ^ 0x80808080u), "r"(zeros));
  }
#endif
  for (; count > 0; count--, x++) total += (uint32_t)(*x < zero_point ? zero_point - *x : *x - zero_point);
  *sum = total;
}

/* (2^7 sum + n / 2) / n, without leaving 32 bits. */
EW_NOINLINE void ew_mean_magnitude_finish(const uint32_t *sum, int32_t *out, uint32_t n) {
  uint32_t whole = *sum / n, rest = *sum - whole * n;
  *out = (int32_t)((whole << 7) + ((rest << 7) + n / 2u) / n);
}

EW_NOINLINE void ew_mean_magnitude(const int8_t *x, int32_t *out, int32_t count, int32_t zero_point) {
  uint32_t sum = 0;
  ew_mean_magnitude_add(x, &sum, count, zero_point);
  ew_mean_magnitude_finish(&sum, out, (uint32_t)count);
}
#endif
