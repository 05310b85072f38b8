/* Fixed-point arithmetic of the TFLite reference kernels, exact.
 *
 * Multipliers are 0 or in [2^30, 2^31); shifts follow TFLite: positive is left.
 * (a * m + 2^30) >> 31 equals gemmlowp's SaturatingRoundingDoublingHighMul for such m.
 * Right shifts of negative values are arithmetic (gcc, clang and armclang define them so). */
#ifndef EW_MATH_H
#define EW_MATH_H
#include <stdint.h>
#include <string.h>

#define EW_INLINE static inline __attribute__((always_inline, unused))
#define EW_NOINLINE static __attribute__((noinline, unused))

EW_INLINE int32_t ew_clamp(int32_t v, int32_t low, int32_t high) {
  return v < low ? low : v > high ? high : v;
}

/* Saturating rounding doubling high multiply. */
EW_INLINE int32_t ew_srdhm(int32_t a, int32_t m) {
  return (int32_t)(((int64_t)a * m + (1 << 30)) >> 31);
}

/* The same for |a| < 2^30 (proven when the kernel was chosen). */
EW_INLINE int32_t ew_srdhm_bounded(int32_t a, int32_t m) {
#if defined(__ARM_FEATURE_DSP)
  int32_t r;
  __asm("smmulr %0, %1, %2" : "=r"(r) : "r"(a << 1), "r"(m));
  return r;
#else
  return ew_srdhm(a, m);
#endif
}

/* Rounding divide by 2^s, half away from zero, 0 <= s <= 31. */
EW_INLINE int32_t ew_divide_pot(int32_t v, int32_t s) {
  int32_t mask = (int32_t)((1u << s) - 1u);
  int32_t remainder = v & mask;
  return (v >> s) + (remainder > (mask >> 1) + (v < 0 ? 1 : 0));
}

/* TFLite MultiplyByQuantizedMultiplier, double rounding; shift > 0 is a left shift before. */
EW_INLINE int32_t ew_multiply(int32_t a, int32_t m, int32_t shift) {
  int32_t left = shift > 0 ? shift : 0;
  return ew_divide_pot(ew_srdhm((int32_t)((uint32_t)a << left), m), left - shift);
}

/* Requantize an accumulator, any shift: two roundings (convolutions). */
EW_INLINE int8_t ew_requantize(int32_t a, int32_t m, int32_t shift, int32_t zp, int32_t low, int32_t high) {
  return (int8_t)ew_clamp(ew_multiply(a, m, shift) + zp, low, high);
}

/* The same for |a| < 2^30 and a right shift s >= 1. */
EW_INLINE int8_t ew_requantize_bounded(int32_t a, int32_t m, int32_t s, int32_t zp, int32_t low, int32_t high) {
  int32_t v = ew_srdhm_bounded(a, m);
  v = ((v + (v >> 31) + (1 << (s - 1))) >> s) + zp;
  return (int8_t)ew_clamp(v, low, high);
}

/* The same for output zero point -128 and clamp [-128, 127]: what is negative before the zero point
 * is added clamps to -128 anyway, so the sign term of the rounding goes. s1 is the right shift less 1. */
EW_INLINE int8_t ew_requantize_relu(int32_t a, int32_t m, int32_t s1) {
  int32_t v = (ew_srdhm_bounded(a, m) >> s1) + 1;
#if defined(__ARM_FEATURE_DSP)
  uint32_t r;
  __asm("usat %0, #8, %1, asr #1" : "=r"(r) : "r"(v));
  return (int8_t)(r ^ 0x80u);
#else
  return (int8_t)(ew_clamp(v >> 1, 0, 255) - 128);
#endif
}

/* Requantize with one rounding (fully connected): (a * m + 2^(30 + s)) >> (31 + s), s = -shift. */
EW_INLINE int8_t ew_requantize_once(int32_t a, int32_t m, int32_t shift, int32_t zp, int32_t low, int32_t high) {
  int32_t total = 31 - shift;
  int64_t v = ((int64_t)a * m + ((int64_t)1 << (total - 1))) >> total;
  if (v > 32767) v = 32767;
  if (v < -32768) v = -32768;
  return (int8_t)ew_clamp((int32_t)v + zp, low, high);
}

/* The same for a right shift s1 + 1 >= 1. */
EW_INLINE int8_t ew_requantize_once_right(int32_t a, int32_t m, int32_t s1, int32_t zp, int32_t low, int32_t high) {
  int32_t v = (int32_t)(((int64_t)a * m + ((int64_t)1 << (31 + s1))) >> 32) >> s1;
  return (int8_t)ew_clamp(v + zp, low, high);
}
#endif
