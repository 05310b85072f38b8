/* A row of a convolution of signs with signs on Helium, 128 or 32 output channels of a pixel at a time. */
#ifndef EW_BINARY_CONV_MVE_H
#define EW_BINARY_CONV_MVE_H
#include "ew_binary_finish_mve.h"

/* r0 w, r1 x, r2 x ^ (x >> 1), r4 next, r5 planes, r6 next word of x, r7 halves, r8 whether x is a first half.
 * q0 and q1 planes of weight 1 and 2, q6 and q7 vectors of weight 4 and 8 that wait for a second one. Assembler,
 * because the compiler keeps all masks of a half at once, and spills. */
#define EW_BINARY_MVE_ADD(out, a, u, plane)                                                        \
  "veor " a ", " a ", " plane "\n vbic " a ", " a ", " u "\n veor " out ", " a ", " plane "\n"     \
  "veor " plane ", " plane ", " u "\n"
#define EW_BINARY_MVE_PAIR(a, bit)                                                                 \
  "sbfx r3, r1, #" bit ", #1\n sbfx r12, r2, #" bit ", #1\n"                                       \
  "vdup.32 q5, r3\n vldrw.u32 " a ", [r0], #16\n veor " a ", " a ", q5\n"                          \
  "vdup.32 q5, r12\n vldrw.u32 q4, [r0], #16\n veor q4, q4, q5\n" EW_BINARY_MVE_ADD(a, a, "q4", "q0")
#define EW_BINARY_MVE_FOUR(out, bit)                                                               \
  EW_BINARY_MVE_PAIR("q2", bit) EW_BINARY_MVE_PAIR("q3", bit "+2")                                 \
  "veor q3, q3, q2\n" EW_BINARY_MVE_ADD(out, "q2", "q3", "q1")
#define EW_BINARY_MVE_EIGHT(out, bit)                                                              \
  EW_BINARY_MVE_FOUR("q6", bit) EW_BINARY_MVE_FOUR("q2", bit "+4")                                 \
  "vldrw.u32 q3, [r5, #32]\n veor q2, q2, q6\n" EW_BINARY_MVE_ADD(out, "q6", "q2", "q3")           \
  "vstrw.32 q3, [r5, #32]\n"

/* As ew_binary_run, in vectors. */
static __attribute__((naked, noinline, unused)) uint32x4_t *
ew_binary_mve_run(uint32x4_t *planes __attribute__((unused)), const uint32_t *x __attribute__((unused)),
                  const uint32x4_t *w __attribute__((unused)), int32_t halves __attribute__((unused)),
                  uint32x4_t *next __attribute__((unused))) {
  __asm volatile(
      "push {r4-r8, lr}\n vpush {d8-d15}\n ldr r4, [sp, #88]\n mov r5, r0\n mov r6, r1\n mov r0, r2\n"
      "mov r7, r3\n movs r8, #0\n vldrw.u32 q0, [r5]\n vldrw.u32 q1, [r5, #16]\n"
      "1:\n eors r8, r8, #1\n ite ne\n ldrne r1, [r6], #4\n lsreq r1, r1, #16\n eor r2, r1, r1, lsr #1\n"
      EW_BINARY_MVE_EIGHT("q7", "0") EW_BINARY_MVE_EIGHT("q6", "8")
      "vldrw.u32 q3, [r5, #48]\n veor q6, q6, q7\n" EW_BINARY_MVE_ADD("q7", "q7", "q6", "q3")
      "vstrw.32 q3, [r5, #48]\n vstrw.32 q7, [r4], #16\n"
      "subs r7, #1\n bne 1b\n"
      "vstrw.32 q0, [r5]\n vstrw.32 q1, [r5, #16]\n mov r0, r4\n vpop {d8-d15}\n pop {r4-r8, pc}\n");
}

EW_BINARY_CONV(ew_binary, uint32_t, 1)
EW_BINARY_S8(ew_binary, general, uint32_t, 1)
EW_BINARY_CONV(ew_binary_mve, uint32x4_t, 4)
EW_BINARY_S8(ew_binary_mve, general, uint32x4_t, 4)
#endif
