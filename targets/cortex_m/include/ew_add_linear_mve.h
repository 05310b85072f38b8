/* Sum of two int8 tensors for Helium as one linear form: clamp(round((a * first + b * second + constant) / 2^shift)).
 *
 * The shift is made of two that narrow and round, LONG (1 .. 16) from 32 bits and SHORT (1 .. 8) from 16; the
 * constant has the halves taken out, and what the first saturates, the second does too. (The shifts that do not
 * round are avoided: binutils 2.40 encodes them as those that do.) Sixteen elements at a time: narrowing
 * interleaves four vectors of four, which the scattered store undoes. */
#ifndef EW_ADD_LINEAR_MVE_H
#define EW_ADD_LINEAR_MVE_H
#include <arm_mve.h>
#include "ew_math.h"

typedef struct {
  uint8_t offsets[16]; /* 0 8 4 12 1 9 5 13 … */
  int32_t first, second, constant, low, high;
} ew_linear;

#define EW_LINEAR_4_ASM(q)                                                                 \
  "vldrb.s32 " q ", [%[a]], #4\n vldrb.s32 q1, [%[b]], #4\n"                               \
  "vmlas.s32 " q ", q6, %[constant]\n vmla.s32 " q ", q1, %[second]\n"
#define EW_LINEAR_8_ASM(q, LONG)                                                           \
  EW_LINEAR_4_ASM(q) EW_LINEAR_4_ASM("q2")                                                 \
  "vqrshrnb.s32 " q ", " q ", #" #LONG "\n vqrshrnt.s32 " q ", q2, #" #LONG "\n"
#define EW_ADD_LINEAR_MVE(NAME, LONG, SHORT)                                               \
  EW_NOINLINE void NAME(const int8_t *a, const int8_t *b, int8_t *out, int32_t count, const ew_linear *g) { \
    int32_t constant = g->constant, second = g->second;                                    \
    if (count >= 16) {                                                                     \
      __asm volatile(                                                                      \
          "vldrw.u32 q7, [%[g]]\n vdup.32 q6, %[first]\n"                                  \
          "vdup.8 q4, %[low]\n vdup.8 q5, %[high]\n dls lr, %[turns]\n 1:\n"               \
          EW_LINEAR_8_ASM("q0", LONG) EW_LINEAR_8_ASM("q3", LONG)                          \
          "vqrshrnb.s16 q0, q0, #" #SHORT "\n vqrshrnt.s16 q0, q3, #" #SHORT "\n"            \
          "vmax.s8 q0, q0, q4\n vmin.s8 q0, q0, q5\n"                                      \
          "vstrb.8 q0, [%[out], q7]\n add %[out], #16\n le lr, 1b\n"                       \
          : [a] "+r"(a), [b] "+r"(b), [out] "+r"(out)                                      \
          : [g] "r"(g), [first] "r"(g->first), [second] "r"(second), [constant] "r"(constant), \
            [turns] "r"(count / 16), [low] "r"(g->low), [high] "r"(g->high)                \
          : "q0", "q1", "q2", "q3", "q4", "q5", "q6", "q7", "lr", "cc", "memory");         \
    }                                                                                      \
    int32x4_t first = vdupq_n_s32(g->first), low = vdupq_n_s32(g->low), high = vdupq_n_s32(g->high); \
    for (count &= 15; count > 0; count -= 4, a += 4, b += 4, out += 4) {                   \
      mve_pred16_t exist = vctp32q((uint32_t)count);                                       \
      int32x4_t v = vmlasq_n_s32(vldrbq_z_s32(a, exist), first, constant);                 \
      v = vrshrq_n_s32(vrshrq_n_s32(vmlaq_n_s32(v, vldrbq_z_s32(b, exist), second), LONG), SHORT); \
      vstrbq_p_s32(out, vminq_s32(vmaxq_s32(v, low), high), exist);                        \
    }                                                                                      \
  }
#endif
