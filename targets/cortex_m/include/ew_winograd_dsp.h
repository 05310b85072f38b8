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

/* Products of two output channels with four tiles at all points, summed over pairs of channels:
 *   void NAME(const uint32_t *u, const uint32_t *v, int32_t *sums, const int32_t *end, int32_t pieces)
 * u [pairs][points][2], v [pairs][points][4], sums [points][4 tiles][2 channels] up to end; all 4-byte aligned.
 * EW_WINOGRAD_DOT takes PAIRS pairs, EW_WINOGRAD_DOT_PIECES at most 255 times as many.
 * LINE: bytes of v from pair to pair; CORE: single or dual. */
#if defined(__ARM_FEATURE_DSP)
#define EW_WINOGRAD_FOUR(first, p, q, a, b, c, d)                                                  \
  first " " a ", r2, " p "\n" first " " b ", r3, " p "\n"                                         \
  first " " c ", r2, " q "\n" first " " d ", r3, " q "\n"
#define EW_WINOGRAD_SUM(p, q, a, b, c, d)                                                          \
  "smlad " a ", r2, " p ", " a "\n smlad " b ", r3, " p ", " b "\n"                               \
  "smlad " c ", r2, " q ", " c "\n smlad " d ", r3, " q ", " d "\n"

/* Single loads directly behind one another take one cycle each, from the second on. r0 and r1 only move where a
 * distance is too large for an instruction. */
#define EW_WINOGRAD_LOAD_single(a, b, base, at) "ldr " a ", [" base ", #" at "]\n ldr " b ", [" base ", #" at "+4]\n"
#define EW_WINOGRAD_NEXT_single(LINE)                                                              \
  ".set ew_at, ew_at+" #LINE "\n .if ew_at > 4083\n"                                       \
  "add r0, #ew_at/2\n add r1, #ew_at\n .set ew_at, 0\n .endif\n"
#define EW_WINOGRAD_U_single(LINE) EW_WINOGRAD_LOAD_single("r2", "r3", "r0", "ew_at/2")
#define EW_WINOGRAD_FIRST_single(LINE) EW_WINOGRAD_LOAD_single("r12", "lr", "r1", "ew_at")
#define EW_WINOGRAD_SECOND_single EW_WINOGRAD_LOAD_single("r12", "lr", "r1", "ew_at+8")
#define EW_WINOGRAD_MOVED_single(PAIRS, LINE) "(" #PAIRS "-1)/(4083/" #LINE "+1)*(4083/" #LINE "+1)*" #LINE
#define EW_WINOGRAD_AGAIN_single(PAIRS, LINE)                                                      \
  "add r0, #(" #PAIRS "*" #LINE "-" EW_WINOGRAD_MOVED_single(PAIRS, LINE) ")/2\n"                 \
  "add r1, #" #PAIRS "*" #LINE "-" EW_WINOGRAD_MOVED_single(PAIRS, LINE) "\n .set ew_at, 0\n"
/* Where two instructions start at a time, their number counts: r0 and r1 move with the loads. */
#define EW_WINOGRAD_LOAD_dual(a, b, base, at) "ldrd " a ", " b ", [" base ", #" at "]\n"
#define EW_WINOGRAD_NEXT_dual(LINE)
#define EW_WINOGRAD_U_dual(LINE) "ldrd r2, r3, [r0, #" #LINE "/2]!\n"
#define EW_WINOGRAD_FIRST_dual(LINE) "ldrd r12, lr, [r1, #" #LINE "]!\n"
#define EW_WINOGRAD_SECOND_dual EW_WINOGRAD_LOAD_dual("r12", "lr", "r1", "8")
#define EW_WINOGRAD_MOVED_dual(PAIRS, LINE) "(" #PAIRS "-1)*" #LINE
#define EW_WINOGRAD_AGAIN_dual(PAIRS, LINE)

#define EW_WINOGRAD_START(CORE)                                                                    \
  ".set ew_at, 0\n" EW_WINOGRAD_LOAD_##CORE("r2", "r3", "r0", "0")                                \
  EW_WINOGRAD_LOAD_##CORE("r12", "lr", "r1", "0")                                                  \
  EW_WINOGRAD_FOUR("smuad", "r12", "lr", "r4", "r5", "r6", "r7") EW_WINOGRAD_SECOND_##CORE         \
  EW_WINOGRAD_FOUR("smuad", "r12", "lr", "r8", "r9", "r10", "r11")
#define EW_WINOGRAD_STEP(LINE, CORE)                                                               \
  EW_WINOGRAD_U_##CORE(LINE) EW_WINOGRAD_FIRST_##CORE(LINE)                                        \
  EW_WINOGRAD_SUM("r12", "lr", "r4", "r5", "r6", "r7") EW_WINOGRAD_SECOND_##CORE                   \
  EW_WINOGRAD_SUM("r12", "lr", "r8", "r9", "r10", "r11")
#define EW_WINOGRAD_STEPS(PAIRS, LINE, CORE)                                                       \
  ".rept " #PAIRS "-1\n" EW_WINOGRAD_NEXT_##CORE(LINE) EW_WINOGRAD_STEP(LINE, CORE) ".endr\n"
#define EW_WINOGRAD_END(sums, end)                                                                 \
  "ldr r12, [sp, #" sums "]\n ldr lr, [sp, #" end "]\n stmia r12!, {r4-r11}\n"                     \
  "str r12, [sp, #" sums "]\n cmp r12, lr\n bne 1b\n"
#define EW_WINOGRAD_FUNCTION(NAME, TEXT)                                                           \
  static __attribute__((naked, noinline, unused)) void NAME(                                       \
      const uint32_t *u EW_UNUSED_ARGUMENT, const uint32_t *v EW_UNUSED_ARGUMENT,                  \
      int32_t *sums EW_UNUSED_ARGUMENT, const int32_t *end EW_UNUSED_ARGUMENT,                     \
      int32_t pieces EW_UNUSED_ARGUMENT) {                                                         \
    __asm volatile(TEXT);                                                                          \
  }
/* Frame: sums, end. */
#define EW_WINOGRAD_DOT(NAME, PAIRS, LINE, CORE)                                                   \
  EW_WINOGRAD_FUNCTION(                                                                            \
      NAME, "push {r2-r11, lr}\n 1:\n" EW_WINOGRAD_START(CORE)                                   \
            EW_WINOGRAD_STEPS(PAIRS, LINE, CORE)                                                    \
            "sub r0, #(" EW_WINOGRAD_MOVED_##CORE(PAIRS, LINE) ")/2-8\n"                          \
            "sub r1, #" EW_WINOGRAD_MOVED_##CORE(PAIRS, LINE) "-16\n"                             \
            EW_WINOGRAD_END("0", "4") "add sp, #8\n pop {r4-r11, pc}\n")
/* Frame: bytes of v from the next point to the end of this one's last piece, sums, end, saved registers; in place of `pieces` their number
 * times 256 and how many are left. */
#define EW_WINOGRAD_DOT_PIECES(NAME, PAIRS, LINE, CORE)                                            \
  EW_WINOGRAD_FUNCTION(                                                                            \
      NAME, "push {r1-r11, lr}\n ldr r5, [sp, #48]\n orr r6, r5, r5, lsl #8\n str r6, [sp, #48]\n" \
            "sub r5, #1\n movw r6, #" #PAIRS "*" #LINE "\n mul r5, r6\n movw r6, #"                \
            EW_WINOGRAD_MOVED_##CORE(PAIRS, LINE) "\n sub r5, #16\n add r5, r6\n str r5, [sp]\n"  \
            "1:\n" EW_WINOGRAD_START(CORE) "2:\n"                                                   \
            EW_WINOGRAD_STEPS(PAIRS, LINE, CORE)                                                   \
            "ldr r2, [sp, #48]\n sub r2, #1\n tst r2, #255\n bne 3f\n orr r2, r2, r2, lsr #8\n"    \
            "str r2, [sp, #48]\n ldr r2, [sp]\n sub r1, r2\n sub r0, r0, r2, asr #1\n"                                    \
            EW_WINOGRAD_END("4", "8") "add sp, #12\n pop {r4-r11, pc}\n"                           \
            "3:\n str r2, [sp, #48]\n" EW_WINOGRAD_AGAIN_##CORE(PAIRS, LINE)         \
            EW_WINOGRAD_STEP(LINE, CORE) "b 2b\n")
#else
EW_INLINE void ew_winograd_dot(const uint32_t *u, const uint32_t *v, int32_t *sums, const int32_t *end, int32_t pairs,
                               int32_t line) {
  for (; sums != end; sums += 8, u += 2, v += 4) {
    uint32_t s[8] = {0};
    for (int32_t k = 0; k < pairs; k++)
      for (int32_t i = 0; i < 8; i++) {
        uint32_t a = u[k * line / 2 + (i & 1)], b = v[k * line + (i >> 1)];
        s[i] += (uint32_t)((int16_t)a * (int16_t)b) + (uint32_t)((int16_t)(a >> 16) * (int16_t)(b >> 16));
      }
    memcpy(sums, s, sizeof s);
  }
}
#define EW_WINOGRAD_DOT(NAME, PAIRS, LINE, CORE) EW_WINOGRAD_DOT_PIECES(NAME, PAIRS, LINE, CORE)
#define EW_WINOGRAD_DOT_PIECES(NAME, PAIRS, LINE, CORE)                                            \
  EW_NOINLINE void NAME(const uint32_t *u, const uint32_t *v, int32_t *sums, const int32_t *end, int32_t pieces) { \
    ew_winograd_dot(u, v, sums, end, PAIRS *pieces, LINE / 4);                                     \
  }
#endif
#endif
