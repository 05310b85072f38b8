/* Requantization without 64-bit products, which Armv6-M lacks and Armv7-M takes several cycles for.
 *
 * The multiplier of a channel is cut into pieces of PIECE bits, so that every product fits in 32 bits:
 *
 *   (a * multiplier) >> PIECE       = a * k0 + ((a * k1) >> PIECE)
 *   (a * multiplier) >> (2 * PIECE) = a * k0 + ((a * k1 + ((a * k2) >> PIECE)) >> PIECE)
 *
 * The compiler has shown for every channel that this plus an offset, shifted right by SHIFT, has all its steps where
 * the layer's own arithmetic has them, and that nothing overflows. Halves are rounded away from zero by a second
 * offset for sums below `sign`. */
#ifndef EW_STEPS_SCALAR_H
#define EW_STEPS_SCALAR_H
#include "ew_math.h"

#if defined(__thumb__) && __ARM_ARCH >= 7
EW_INLINE int32_t ew_saturate_s8(int32_t v) {
  int32_t r;
  __asm("ssat %0, #8, %1" : "=r"(r) : "r"(v));
  return r;
}
#else
EW_INLINE int32_t ew_saturate_s8(int32_t v) {
  return v == (int8_t)v ? v : (v >> 31) ^ 127;
}
#endif

/* low, high: constants of the layer, so that the usual limits cost no comparison. */
EW_INLINE int8_t ew_limit_s8(int32_t v, int32_t low, int32_t high) {
  return (int8_t)(low == -128 && high == 127 ? ew_saturate_s8(v) : ew_clamp(v, low, high));
}

EW_INLINE uint32_t ew_step_fine(int32_t a, int32_t k, uint32_t carried, int32_t piece) {
  return (uint32_t)((int32_t)((uint32_t)a * (uint32_t)k + carried) >> piece);
}
EW_INLINE uint32_t ew_step_product2(int32_t a, const int32_t *k, int32_t piece) {
  return (uint32_t)a * (uint32_t)k[0] + ew_step_fine(a, k[1], 0, piece);
}
EW_INLINE uint32_t ew_step_product3(int32_t a, const int32_t *k, int32_t piece) {
  return (uint32_t)a * (uint32_t)k[0] + ew_step_fine(a, k[1], ew_step_fine(a, k[2], 0, piece), piece);
}

/* k: pieces of the multiplier and the offset of a channel; a: its sum without the bias. */
#define EW_STEPS_OF(PIECES, a, k, piece, shift, low, high) \
  ew_limit_s8((int32_t)(ew_step_product##PIECES(a, k, piece) + (uint32_t)(k)[PIECES]) >> (shift), low, high)
#define EW_STEPS2_WORDS 3
#define EW_STEPS2(a, k, piece, shift, zero_point, low, high) EW_STEPS_OF(2, a, k, piece, shift, low, high)
#define EW_STEPS3_WORDS 4
#define EW_STEPS3(a, k, piece, shift, zero_point, low, high) EW_STEPS_OF(3, a, k, piece, shift, low, high)

/* The same, then `sign`, and the offset of sums below it less that of the others. */
#define EW_STEPS_SIGNED_OF(PIECES, a, k, piece, shift, low, high)                                         \
  ew_limit_s8((int32_t)(ew_step_product##PIECES(a, k, piece) + (uint32_t)(k)[PIECES] +                    \
                        ((a) < (k)[PIECES + 1] ? (uint32_t)(k)[PIECES + 2] : 0)) >> (shift), low, high)
#define EW_STEPS2_SIGNED_WORDS 5
#define EW_STEPS2_SIGNED(a, k, piece, shift, zero_point, low, high) EW_STEPS_SIGNED_OF(2, a, k, piece, shift, low, high)
#define EW_STEPS3_SIGNED_WORDS 6
#define EW_STEPS3_SIGNED(a, k, piece, shift, zero_point, low, high) EW_STEPS_SIGNED_OF(3, a, k, piece, shift, low, high)

/* Everything else in 64 bits. k: bias, multiplier, shift. */
#define EW_STEPS_TWICE_WORDS 3
#define EW_STEPS_TWICE(a, k, piece, shift, zero_point, low, high) \
  ew_requantize((int32_t)((uint32_t)(a) + (uint32_t)(k)[0]), (k)[1], (k)[2], zero_point, low, high)
#define EW_STEPS_ONCE_WORDS 3
#define EW_STEPS_ONCE(a, k, piece, shift, zero_point, low, high) \
  ew_requantize_once((int32_t)((uint32_t)(a) + (uint32_t)(k)[0]), (k)[1], (k)[2], zero_point, low, high)

/* The same where a channel follows the other: *k moves on to the next one. */
#if defined(__thumb__)
#if __ARM_ARCH >= 7
#define EW_STEP_FINE(low, high) "muls " low ", %[a]\n add.w " high ", " high ", " low ", asr %[piece]\n"
#define EW_STEP_NEXT2 "ldmia %[k]!, {r4, r5, r6}\n mla r6, r4, %[a], r6\n" EW_STEP_FINE("r5", "r6")
#define EW_STEP_NEXT3                                                                               \
  "ldmia %[k]!, {r3, r4, r5, r6}\n mla r6, r3, %[a], r6\n muls r4, %[a]\n" EW_STEP_FINE("r5", "r4") \
  "add.w r6, r6, r4, asr %[piece]\n"
#else
#define EW_STEP_FINE(low) "muls " low ", %[a]\n asrs " low ", " low ", %[piece]\n"
#define EW_STEP_NEXT2                                                                               \
  "ldmia %[k]!, {r4, r5, r6}\n" EW_STEP_FINE("r5") "adds r6, r6, r5\n muls r4, %[a]\n adds r6, r6, r4\n"
#define EW_STEP_NEXT3                                                                               \
  "ldmia %[k]!, {r3, r4, r5, r6}\n" EW_STEP_FINE("r5") "muls r4, %[a]\n adds r4, r4, r5\n"           \
  "asrs r4, r4, %[piece]\n adds r6, r6, r4\n muls r3, %[a]\n adds r6, r6, r3\n"
#endif
#define EW_STEP_NEXT(NAME, STEPS, WORDS)                                                            \
  EW_INLINE int32_t NAME(int32_t a, const int32_t **k, int32_t piece) {                             \
    const int32_t *p = *k;                                                                          \
    register int32_t r __asm("r6");                                                                 \
    __asm volatile(".syntax unified\n" STEPS                                                        \
                   : "=&r"(r), [k] "+l"(p)                                                          \
                   : [a] "l"(a), [piece] "i"(piece), "m"(*(const int32_t(*)[WORDS])p)               \
                   : "r3", "r4", "r5", "cc");                                                       \
    *k = p;                                                                                         \
    return r;                                                                                       \
  }
EW_STEP_NEXT(ew_step_next2, EW_STEP_NEXT2, 3)
EW_STEP_NEXT(ew_step_next3, EW_STEP_NEXT3, 4)
#else
EW_INLINE int32_t ew_step_next2(int32_t a, const int32_t **k, int32_t piece) {
  *k += 3;
  return (int32_t)(ew_step_product2(a, *k - 3, piece) + (uint32_t)(*k)[-1]);
}
EW_INLINE int32_t ew_step_next3(int32_t a, const int32_t **k, int32_t piece) {
  *k += 4;
  return (int32_t)(ew_step_product3(a, *k - 4, piece) + (uint32_t)(*k)[-1]);
}
#endif
#define EW_STEPS2_NEXT(a, k, piece, shift, zero_point, low, high) \
  ew_limit_s8(ew_step_next2(a, &(k), piece) >> (shift), low, high)
#define EW_STEPS3_NEXT(a, k, piece, shift, zero_point, low, high) \
  ew_limit_s8(ew_step_next3(a, &(k), piece) >> (shift), low, high)
#define EW_STEPS_THEN(FINISH, a, k, piece, shift, zero_point, low, high) \
  ((k) += FINISH##_WORDS, FINISH(a, (k) - FINISH##_WORDS, piece, shift, zero_point, low, high))
#define EW_STEPS2_SIGNED_NEXT(a, k, piece, shift, zero_point, low, high) \
  EW_STEPS_THEN(EW_STEPS2_SIGNED, a, k, piece, shift, zero_point, low, high)
#define EW_STEPS3_SIGNED_NEXT(a, k, piece, shift, zero_point, low, high) \
  EW_STEPS_THEN(EW_STEPS3_SIGNED, a, k, piece, shift, zero_point, low, high)
#define EW_STEPS_TWICE_NEXT(a, k, piece, shift, zero_point, low, high) \
  EW_STEPS_THEN(EW_STEPS_TWICE, a, k, piece, shift, zero_point, low, high)
#define EW_STEPS_ONCE_NEXT(a, k, piece, shift, zero_point, low, high) \
  EW_STEPS_THEN(EW_STEPS_ONCE, a, k, piece, shift, zero_point, low, high)
#endif
