/* Dot products for Armv7E-M and Armv8-M with DSP: SXTB16 and SMLAD, two MAC an instruction.
 *   acc[pixel][channel] += sum over k of x[k][pixel][4] * w[k][channel][4]
 * x holds each quad as (0, 2, 1, 3), which is what SXTB16 makes of the weights too.
 * Assembler, because the accumulators, two weight words and one pixel fill the 14 registers and the
 * compiler spills. acc, w and x are 4-byte aligned. */
#ifndef EW_DOT_DSP_H
#define EW_DOT_DSP_H
#include "ew_math.h"

#define EW_DOT_ARGUMENTS(type)                                                                    \
  const int8_t *w __attribute__((unused)), const type *x __attribute__((unused)),                 \
      int32_t *acc __attribute__((unused)), int32_t quads __attribute__((unused))
#define EW_NAKED static __attribute__((naked, noinline, unused))

/* r0 w, r1 x, [sp] end of the odd steps, [sp, 4] end, [sp, 8] acc */
#define EW_DOT_ENTER(bytes_log2, accumulators)                                                    \
  "push {r2, r4-r11, lr}\n add r12, r0, r3, lsl #" bytes_log2 "\n and r3, r3, #3\n"               \
  "add r3, r0, r3, lsl #" bytes_log2 "\n push {r3, r12}\n"                                        \
  "ldmia r2, {" accumulators "}\n cmp r0, r3\n beq 2f\n"
#define EW_DOT_LOOPS(step)                                                                        \
  "1:\n" step "ldr r12, [sp]\n cmp r0, r12\n bne 1b\n"                                            \
  "2:\n ldr r12, [sp, #4]\n cmp r0, r12\n beq 4f\n"                                               \
  "3:\n" step step step step "ldr r12, [sp, #4]\n cmp r0, r12\n bne 3b\n"
#define EW_DOT_LEAVE(accumulators)                                                                \
  "4:\n ldr r2, [sp, #8]\n add sp, #12\n stmia r2, {" accumulators "}\n pop {r4-r11, pc}\n"

#define EW_DOT_WEIGHTS                                                                            \
  "ldmia r0!, {r2, r3}\n sxtb16 r10, r2\n sxtb16 r2, r2, ror #8\n"                                \
  "sxtb16 r11, r3\n sxtb16 r3, r3, ror #8\n"
#define EW_DOT_PIXEL(a, b)                                                                        \
  "ldmia r1!, {r12, lr}\n"                                                                        \
  "smlad " a ", r10, r12, " a "\n smlad " b ", r11, r12, " b "\n"                                 \
  "smlad " a ", r2, lr, " a "\n smlad " b ", r3, lr, " b "\n"

EW_NAKED void ew_dot_2x3(EW_DOT_ARGUMENTS(int16_t)) {
  __asm volatile(EW_DOT_ENTER("3", "r4-r9") EW_DOT_LOOPS(
      EW_DOT_WEIGHTS EW_DOT_PIXEL("r4", "r5") EW_DOT_PIXEL("r6", "r7") EW_DOT_PIXEL("r8", "r9"))
                     EW_DOT_LEAVE("r4-r9"));
}

EW_NAKED void ew_dot_2x2(EW_DOT_ARGUMENTS(int16_t)) {
  __asm volatile(EW_DOT_ENTER("3", "r4-r7") EW_DOT_LOOPS(
      EW_DOT_WEIGHTS EW_DOT_PIXEL("r4", "r5") EW_DOT_PIXEL("r6", "r7")) EW_DOT_LEAVE("r4-r7"));
}

EW_NAKED void ew_dot_2x1(EW_DOT_ARGUMENTS(int16_t)) {
  __asm volatile(EW_DOT_ENTER("3", "r4-r5") EW_DOT_LOOPS(EW_DOT_WEIGHTS EW_DOT_PIXEL("r4", "r5"))
                     EW_DOT_LEAVE("r4-r5"));
}

/* acc[channel] += sum over k of x[k][4] * w[k][channel][4], int8 x of any alignment */
#define EW_DOT_CHANNEL(word, a)                                                                   \
  "sxtb16 r12, " word "\n sxtb16 " word ", " word ", ror #8\n"                                    \
  "smlad " a ", r12, r3, " a "\n smlad " a ", " word ", r2, " a "\n"
#define EW_DOT_STEP_4X1                                                                           \
  "ldr r2, [r1], #4\n sxtb16 r3, r2\n sxtb16 r2, r2, ror #8\n ldmia r0!, {r8-r11}\n"              \
  EW_DOT_CHANNEL("r8", "r4") EW_DOT_CHANNEL("r9", "r5") EW_DOT_CHANNEL("r10", "r6")               \
  EW_DOT_CHANNEL("r11", "r7")
EW_NAKED void ew_dot_4x1_s8(EW_DOT_ARGUMENTS(int8_t)) {
  __asm volatile(EW_DOT_ENTER("4", "r4-r7") EW_DOT_LOOPS(EW_DOT_STEP_4X1) EW_DOT_LEAVE("r4-r7"));
}
#endif
