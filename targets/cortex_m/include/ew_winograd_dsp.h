/* Winograd convolution on cores with DSP instructions: arithmetic on pairs of channels, and the products
 * of transformed inputs with transformed weights.
 *
 * A word holds two channels of int16. Sums of int32 wrap, which the output transform undoes. */
#ifndef EW_WINOGRAD_DSP_H
#define EW_WINOGRAD_DSP_H
#include "ew_math.h"

#define EW_UNUSED_ARGUMENT __attribute__((unused))

#if defined(__ARM_FEATURE_DSP)
EW_INLINE uint32_t ew_pair_add(uint32_t a, uint32_t b) {
  uint32_t r;
  __asm("sadd16 %0, %1, %2" : "=r"(r) : "r"(a), "r"(b));
  return r;
}

EW_INLINE uint32_t ew_pair_subtract(uint32_t a, uint32_t b) {
  uint32_t r;
  __asm("ssub16 %0, %1, %2" : "=r"(r) : "r"(a), "r"(b));
  return r;
}

/* Bytes 0 and 2 of a word as int16. */
EW_INLINE uint32_t ew_pair_even(uint32_t bytes) {
  uint32_t r;
  __asm("sxtb16 %0, %1" : "=r"(r) : "r"(bytes));
  return r;
}

/* Bytes 1 and 3. */
EW_INLINE uint32_t ew_pair_odd(uint32_t bytes) {
  uint32_t r;
  __asm("sxtb16 %0, %1, ror #8" : "=r"(r) : "r"(bytes));
  return r;
}

/* c + (a * m + 2^31) >> 32 */
EW_INLINE int32_t ew_high_add(int32_t a, int32_t m, int32_t c) {
  int32_t r;
  __asm("smmlar %0, %1, %2, %3" : "=r"(r) : "r"(a), "r"(m), "r"(c));
  return r;
}

EW_INLINE int32_t ew_saturate_s8(int32_t a) {
  int32_t r;
  __asm("ssat %0, #8, %1" : "=r"(r) : "r"(a));
  return r;
}
#else
EW_INLINE uint32_t ew_pair(uint32_t low, uint32_t high) { return (low & 0xFFFFu) | high << 16; }
EW_INLINE uint32_t ew_pair_add(uint32_t a, uint32_t b) { return ew_pair(a + b, (a >> 16) + (b >> 16)); }
EW_INLINE uint32_t ew_pair_subtract(uint32_t a, uint32_t b) { return ew_pair(a - b, (a >> 16) - (b >> 16)); }
EW_INLINE uint32_t ew_pair_even(uint32_t v) {
  return ew_pair((uint32_t)(int8_t)v, (uint32_t)(int8_t)(v >> 16));
}
EW_INLINE uint32_t ew_pair_odd(uint32_t v) { return ew_pair_even(v >> 8); }
EW_INLINE int32_t ew_high_add(int32_t a, int32_t m, int32_t c) {
  return c + (int32_t)(((int64_t)a * m + ((int64_t)1 << 31)) >> 32);
}
EW_INLINE int32_t ew_saturate_s8(int32_t a) { return ew_clamp(a, -128, 127); }
#endif

EW_INLINE uint32_t ew_load_word(const void *p) {
  uint32_t v;
  memcpy(&v, p, 4);
  return v;
}

/* Products of two output channels with four tiles at `points` points, summed over pairs of channels:
 *   void NAME(const uint32_t *u, const uint32_t *v, int32_t *sums, int32_t points)
 * u [points][pairs][2], v [points][pairs][4], sums [points][4 tiles][2 channels]; all 4-byte aligned.
 * EW_WINOGRAD_DOT takes all pairs in one piece of PAIRS, EW_WINOGRAD_DOT_LOOP several pieces. */
#if defined(__ARM_FEATURE_DSP)
#define EW_WINOGRAD_FOUR(first, p, q, a, b, c, d)                                                  \
  first " " a ", r2, " p "\n" first " " b ", r3, " p "\n"                                         \
  first " " c ", r2, " q "\n" first " " d ", r3, " q "\n"
#define EW_WINOGRAD_SUM(p, q, a, b, c, d)                                                          \
  "smlad " a ", r2, " p ", " a "\n smlad " b ", r3, " p ", " b "\n"                               \
  "smlad " c ", r2, " q ", " c "\n smlad " d ", r3, " q ", " d "\n"

/* Single loads directly behind one another take one cycle each, from the second on. */
#define EW_WINOGRAD_LOAD_SINGLE(a, b, base, at) "ldr " a ", [" base ", #" at "]\n ldr " b ", [" base ", #" at "+4]\n"
/* Where two instructions start at a time, their number counts. */
#define EW_WINOGRAD_LOAD_DOUBLE(a, b, base, at) "ldrd " a ", " b ", [" base ", #" at "]\n"

#define EW_WINOGRAD_FIRST(LOAD)                                                                    \
  LOAD("r2", "r3", "r0", "0") LOAD("r12", "lr", "r1", "0")                                        \
  EW_WINOGRAD_FOUR("smuad", "r12", "lr", "r4", "r5", "r6", "r7") LOAD("r12", "lr", "r1", "8")     \
  EW_WINOGRAD_FOUR("smuad", "r12", "lr", "r8", "r9", "r10", "r11")
#define EW_WINOGRAD_STEP(LOAD)                                                                     \
  LOAD("r2", "r3", "r0", "8*ew_i") LOAD("r12", "lr", "r1", "16*ew_i")                             \
  EW_WINOGRAD_SUM("r12", "lr", "r4", "r5", "r6", "r7") LOAD("r12", "lr", "r1", "16*ew_i+8")       \
  EW_WINOGRAD_SUM("r12", "lr", "r8", "r9", "r10", "r11") ".set ew_i, ew_i+1\n"
#define EW_WINOGRAD_NEXT(PAIRS) "add r0, #8*" #PAIRS "\n add r1, #16*" #PAIRS "\n"

/* Frame: [sp] sums, [sp, 4] points left. */
#define EW_WINOGRAD_BEGIN(PAIRS, LOAD)                                                             \
  "push {r2-r11, lr}\n 1:\n" EW_WINOGRAD_FIRST(LOAD)                                              \
  ".set ew_i, 1\n .rept " #PAIRS "-1\n" EW_WINOGRAD_STEP(LOAD) ".endr\n" EW_WINOGRAD_NEXT(PAIRS)
#define EW_WINOGRAD_END                                                                            \
  "ldr r12, [sp]\n ldr lr, [sp, #4]\n stmia r12!, {r4-r11}\n subs lr, #1\n"                       \
  "str r12, [sp]\n str lr, [sp, #4]\n bne 1b\n add sp, #8\n pop {r4-r11, pc}\n"
#define EW_WINOGRAD_FUNCTION(NAME, TEXT)                                                           \
  static __attribute__((naked, noinline, unused)) void NAME(                                       \
      const uint32_t *u EW_UNUSED_ARGUMENT, const uint32_t *v EW_UNUSED_ARGUMENT,                  \
      int32_t *sums EW_UNUSED_ARGUMENT, int32_t points EW_UNUSED_ARGUMENT) {                       \
    __asm volatile(TEXT);                                                                          \
  }
#define EW_WINOGRAD_DOT(NAME, PAIRS, LOAD)                                                         \
  EW_WINOGRAD_FUNCTION(NAME, EW_WINOGRAD_BEGIN(PAIRS, LOAD) EW_WINOGRAD_END)
/* The pieces that are left are counted on the stack. */
#define EW_WINOGRAD_DOT_LOOP(NAME, PAIRS, PIECES, LOAD)                                            \
  EW_WINOGRAD_FUNCTION(                                                                            \
      NAME, EW_WINOGRAD_BEGIN(PAIRS, LOAD) "mov r2, #" #PIECES "-1\n 2:\n push {r2}\n"             \
            ".set ew_i, 0\n .rept " #PAIRS "\n" EW_WINOGRAD_STEP(LOAD) ".endr\n"                   \
            EW_WINOGRAD_NEXT(PAIRS) "pop {r2}\n subs r2, #1\n bne 2b\n" EW_WINOGRAD_END)
#else
EW_INLINE void ew_winograd_dot(const uint32_t *u, const uint32_t *v, int32_t *sums, int32_t points, int32_t pairs) {
  for (int32_t f = 0; f < points; f++, sums += 8) {
    uint32_t s[8] = {0};
    for (int32_t k = 0; k < pairs; k++, u += 2, v += 4)
      for (int32_t i = 0; i < 8; i++) {
        uint32_t a = u[i & 1], b = v[i >> 1];
        s[i] += (uint32_t)((int16_t)a * (int16_t)b) + (uint32_t)((int16_t)(a >> 16) * (int16_t)(b >> 16));
      }
    memcpy(sums, s, sizeof s);
  }
}
#define EW_WINOGRAD_DOT(NAME, PAIRS, LOAD) EW_WINOGRAD_DOT_LOOP(NAME, PAIRS, 1, LOAD)
#define EW_WINOGRAD_DOT_LOOP(NAME, PAIRS, PIECES, LOAD)                                            \
  EW_NOINLINE void NAME(const uint32_t *u, const uint32_t *v, int32_t *sums, int32_t points) {     \
    ew_winograd_dot(u, v, sums, points, PAIRS * PIECES);                                           \
  }
#endif
#endif
