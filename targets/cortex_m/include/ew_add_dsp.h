/* y = ssat8((a * A + b * B + C) >> shift) for Armv7E-M and Armv8-M with DSP, four elements at a time.
 *
 * An int8 value stands in the upper byte of a half, as 256 a; SMLAWB and SMLAWT multiply it by 2^8 A and
 * drop 16 bits: exactly a * A. So each operand costs one AND for a pair of elements and one product for
 * each. Assembler, because the constants and two words take all registers. */
#ifndef EW_ADD_DSP_H
#define EW_ADD_DSP_H
#include "ew_dot_dsp.h"
#include "ew_elementwise.h"

/* Loops over fours: r0 a, r1 distance of b behind the next a, r2 y; r4-r7 from k. Any alignment; y may be a
 * or b. */
#define EW_FOURS(NAME, FOUR)                                                                      \
  EW_NAKED void NAME(const int8_t *a EW_UNUSED, const int8_t *b EW_UNUSED, int8_t *y EW_UNUSED,   \
                     int32_t fours EW_UNUSED, const int32_t *k EW_UNUSED) {                       \
    __asm volatile(                                                                               \
        "push {r4-r11, lr}\n ldr r4, [sp, #36]\n ldmia r4, {r4-r7}\n sub r1, r0\n sub r1, #4\n"   \
        "and r12, r3, #3\n add lr, r0, r3, lsl #2\n add r3, r0, r12, lsl #2\n"                    \
        "1:\n cmp r0, r3\n beq 2f\n" FOUR "b 1b\n"                                                \
        "2:\n cmp r0, lr\n beq 4f\n"                                                              \
        "3:\n" FOUR FOUR FOUR FOUR "cmp r0, lr\n bne 3b\n4:\n pop {r4-r11, pc}\n");               \
  }
#define EW_FOURS_LOAD "ldr r8, [r0], #4\n ldr r9, [r0, r1]\n"
#define EW_FOURS_STORE(v0, v1, v2, v3)                                                            \
  "bfi " v0 ", " v1 ", #8, #24\n bfi " v2 ", " v3 ", #8, #24\n pkhbt " v0 ", " v0 ", " v2 ", lsl #16\n" \
  "str " v0 ", [r2], #4\n"

/* r4 2^8 A, r5 2^8 B, r6 C, r7 0xff00ff00. */
#define EW_ADD_FOUR(SHIFT)                                                                        \
  EW_FOURS_LOAD                                                                                   \
  "and r10, r7, r8, lsl #8\n and r11, r7, r9, lsl #8\n and r8, r7\n and r9, r7\n"                 \
  "smlawb r12, r4, r10, r6\n smlawb r12, r5, r11, r12\n"                                          \
  "smlawt r10, r4, r10, r6\n smlawt r10, r5, r11, r10\n"                                          \
  "smlawb r11, r4, r8, r6\n smlawb r11, r5, r9, r11\n"                                            \
  "smlawt r8, r4, r8, r6\n smlawt r8, r5, r9, r8\n"                                               \
  "ssat r12, #8, r12, asr #" SHIFT "\n ssat r11, #8, r11, asr #" SHIFT "\n"                       \
  "ssat r10, #8, r10, asr #" SHIFT "\n ssat r8, #8, r8, asr #" SHIFT "\n"                         \
  EW_FOURS_STORE("r12", "r11", "r10", "r8")

/* Makes void NAME(a, b, y, fours, k); k: 2^8 A, 2^8 B, C, 0xff00ff00. */
#define EW_ADD_DSP(NAME, SHIFT) EW_FOURS(NAME, EW_ADD_FOUR(#SHIFT))
#endif
