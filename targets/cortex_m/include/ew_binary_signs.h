/* Signs of int8 pixels, packed: bit i of word j of a pixel is x[32 j + i] >= thresholds[32 j + i].
 *
 * thresholds: int8, as many as channels rounded up to a multiple of 16. keep: for every word the channels that
 * exist and whose threshold is not above 127; the other bits are 0. */
#ifndef EW_BINARY_SIGNS_H
#define EW_BINARY_SIGNS_H
#include "ew_math.h"
#if defined(__ARM_FEATURE_MVE)
#include <arm_mve.h>
#endif

#if defined(__ARM_FEATURE_MVE)
/* At most 32 channels. The predicate of a comparison holds a bit a byte, in order. */
EW_INLINE uint32_t ew_binary_signs_word(const int8_t *x, const int8_t *t, int32_t count) {
  if (count == 32)
    return vcmpgeq_s8(vld1q_s8(x), vld1q_s8(t)) | (uint32_t)vcmpgeq_s8(vld1q_s8(x + 16), vld1q_s8(t + 16)) << 16;
  mve_pred16_t first = vctp8q((uint32_t)count);
  uint32_t word = vcmpgeq_m_s8(vldrbq_z_s8(x, first), vld1q_s8(t), first);
  if (count <= 16) return word;
  mve_pred16_t second = vctp8q((uint32_t)count - 16u);
  return word | (uint32_t)vcmpgeq_m_s8(vldrbq_z_s8(x + 16, second), vld1q_s8(t + 16), second) << 16;
}
#else
/* Four channels, as bits 0 to 3. */
#if defined(__ARM_FEATURE_DSP)
EW_INLINE uint32_t ew_binary_signs_quad(uint32_t x, uint32_t t) {
  uint32_t bits, zero = 0;
  /* Each byte whose difference is not negative selects the weight of its bit; these are added up. */
  __asm("ssub8 %0, %1, %2\n sel %0, %3, %4\n usad8 %0, %0, %4"
        : "=&r"(bits)
        : "r"(x), "r"(t), "r"(0x08040201u), "r"(zero));
  return bits;
}
#else
EW_INLINE uint32_t ew_binary_signs_quad(uint32_t x, uint32_t t) {
  const uint32_t top = 0x80808080u;
  x ^= top, t ^= top; /* unsigned bytes: the upper bits decide, or the lower seven where they are equal */
  uint32_t low = (x | top) - (t & ~top);
  uint32_t ge = ((x & ~t) | (~(x ^ t) & low)) & top;
  return (ge >> 7) * 0x10204080u >> 28;
}
#endif
#if defined(__ARM_FEATURE_UNALIGNED) || !defined(__arm__)
#define EW_BINARY_WORDS(x) 1
#define EW_BINARY_AT(x) (x)
#else
#define EW_BINARY_WORDS(x) (((uintptr_t)(x) & 3u) == 0)
#define EW_BINARY_AT(x) __builtin_assume_aligned(x, 4)
#endif
EW_INLINE uint32_t ew_binary_signs_word(const int8_t *x, const int8_t *t, int32_t count) {
  uint32_t word = 0, a, b;
  int32_t i = 0;
#if defined(__ARM_FEATURE_DSP)
#pragma GCC unroll 8
#endif
  for (int32_t whole = EW_BINARY_WORDS(x) ? count : 0; i + 4 <= whole; i += 4) {
    memcpy(&a, EW_BINARY_AT(x + i), 4);
    memcpy(&b, __builtin_assume_aligned(t + i, 4), 4);
    word |= ew_binary_signs_quad(a, b) << i;
  }
  for (; i < count; i++) word |= (uint32_t)(x[i] >= t[i]) << i;
  return word;
}
#endif

EW_NOINLINE void ew_binary_signs(const int8_t *x, uint32_t *out, int32_t pixels, int32_t channels, const int8_t *thresholds,
                                 const uint32_t *keep) {
  for (; pixels > 0; pixels--) {
    const int8_t *t = thresholds;
    const uint32_t *k = keep;
    int32_t left = channels;
    for (; left >= 32; left -= 32, x += 32, t += 32) *out++ = ew_binary_signs_word(x, t, 32) & *k++;
    if (left) *out++ = ew_binary_signs_word(x, t, left) & *k;
    x += left;
  }
}
#endif
