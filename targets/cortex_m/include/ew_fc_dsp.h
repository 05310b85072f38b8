/* Matrix times one vector for Armv7E-M and Armv8-M with DSP: each weight is used once, so what counts is
 * to unpack few of them.
 *
 * The weights of two channels a and b lie interleaved, b in the lower byte. A half of a word then is
 * 256 a + b, and SMLAD with the word as it is sums up t = 256 sum(a x) + sum(b x); one SXTB16 gives b
 * alone, s = sum(b x). t - s is 256 sum(a x) exactly, modulo 2^32: four products take three instructions
 * and one load instead of four and one. Of -128 and a b below 0 the half would not fit 16 bits; the generator
 * checks. LONG instead holds weights of 16 bits, one channel a word: fewer instructions, twice the flash.
 *
 * x is in the order 0, 2, 1, 3 of every quad, either widened to int16 (WIDE), or int8 and widened on the way
 * (S8, any alignment). Channels are taken eight at a time (four where an instruction that loads several
 * words counts as one), the rest in pairs. The stream begins with 8 words:
 *   bytes of x of the odd quads and of all (behind the odd ones as many quads are taken together as there
 *   are channels in a group), bytes of the groups and of the pairs, shift, factor and constant (SHARED), and
 *   the byte behind the last pair if that is one channel, else -1.
 * Then follows for every group of channels
 *   t, s of every pair before the first product (LONG: the bias of every channel)
 *   | the words of each quad: of elements 0, 2, then 1, 3
 *   | with OWN: factor and constant of each channel.
 *
 * y = ssat8(((sum * 2^8 * factor >> 32) + constant) >> shift): the generator finds factors and constants that
 * give the layer's requantization for every sum that can occur. */
#ifndef EW_FC_DSP_H
#define EW_FC_DSP_H
#include "ew_dot_dsp.h"

#define EW_FC_PRODUCTS(w, x, t, s)                                                                \
  "smlad " t ", " w ", " x ", " t "\n sxtb16 " w ", " w "\n smlad " s ", " w ", " x ", " s "\n"

/* Eight channels of a quad; the weights at r0 + at. Loads directly behind one another take a cycle each. */
#define EW_FC_8_SECOND(at, x)                                                                     \
  "ldr r2, [r0, #" at "+20]\n ldr r3, [r0, #" at "+24]\n ldr lr, [r0, #" at "+28]\n"              \
  EW_FC_PRODUCTS("r2", x, "r6", "r7") EW_FC_PRODUCTS("r3", x, "r8", "r9")                         \
  EW_FC_PRODUCTS("lr", x, "r10", "r11")
#define EW_FC_8_WIDE(at)                                                                          \
  "ldr r2, [r1], #8\n ldr r3, [r0, #" at "]\n ldr r12, [r0, #" at "+4]\n ldr lr, [r0, #" at "+8]\n" \
  EW_FC_PRODUCTS("r3", "r2", "r4", "r5") EW_FC_PRODUCTS("r12", "r2", "r6", "r7")                  \
  EW_FC_PRODUCTS("lr", "r2", "r8", "r9")                                                          \
  "ldr r3, [r0, #" at "+12]\n ldr r12, [r1, #-4]\n ldr lr, [r0, #" at "+16]\n"                    \
  EW_FC_PRODUCTS("r3", "r2", "r10", "r11") EW_FC_PRODUCTS("lr", "r12", "r4", "r5")                \
  EW_FC_8_SECOND(at, "r12")
#define EW_FC_8_S8(at)                                                                            \
  "ldr r2, [r1], #4\n ldr r3, [r0, #" at "]\n ldr lr, [r0, #" at "+4]\n"                          \
  "sxtb16 r12, r2, ror #8\n sxtb16 r2, r2\n"                                                      \
  EW_FC_PRODUCTS("r3", "r2", "r4", "r5") EW_FC_PRODUCTS("lr", "r2", "r6", "r7")                   \
  "ldr r3, [r0, #" at "+8]\n ldr lr, [r0, #" at "+12]\n"                                          \
  EW_FC_PRODUCTS("r3", "r2", "r8", "r9") EW_FC_PRODUCTS("lr", "r2", "r10", "r11")                 \
  "ldr r3, [r0, #" at "+16]\n" EW_FC_PRODUCTS("r3", "r12", "r4", "r5")                            \
  EW_FC_8_SECOND(at, "r12")
#define EW_FC_8_REST(READ) EW_FC_8_##READ("0") "add r0, #32\n"
#define EW_FC_8_MAIN(READ)                                                                        \
  EW_FC_8_##READ("0") EW_FC_8_##READ("32") EW_FC_8_##READ("64") EW_FC_8_##READ("96")              \
  EW_FC_8_##READ("128") EW_FC_8_##READ("160") EW_FC_8_##READ("192") EW_FC_8_##READ("224") "add r0, #256\n"

/* Four channels: two words of x, then two quads at a time. */
#define EW_FC_4_WORDS(x, y)                                                                       \
  "ldmia r0!, {r8-r11}\n"                                                                         \
  EW_FC_PRODUCTS("r8", x, "r4", "r5") EW_FC_PRODUCTS("r9", x, "r6", "r7")                         \
  EW_FC_PRODUCTS("r10", y, "r4", "r5") EW_FC_PRODUCTS("r11", y, "r6", "r7")
#define EW_FC_QUAD_WIDE "ldmia r1!, {r2, r3}\n"
#define EW_FC_QUAD_S8 "ldr r3, [r1], #4\n sxtb16 r2, r3\n sxtb16 r3, r3, ror #8\n"
#define EW_FC_QUADS_WIDE(c, d) "ldmia r1!, {r2, r3, " c ", " d "}\n"
#define EW_FC_QUADS_S8(c, d)                                                                      \
  "ldr r3, [r1], #8\n ldr " d ", [r1, #-4]\n sxtb16 r2, r3\n sxtb16 r3, r3, ror #8\n"             \
  "sxtb16 " c ", " d "\n sxtb16 " d ", " d ", ror #8\n"
#define EW_FC_4_TWO(READ)                                                                         \
  EW_FC_QUADS_##READ("r12", "lr") EW_FC_4_WORDS("r2", "r3") EW_FC_4_WORDS("r12", "lr")
#define EW_FC_4_REST(READ) EW_FC_QUAD_##READ EW_FC_4_WORDS("r2", "r3")
#define EW_FC_4_MAIN(READ) EW_FC_4_TWO(READ) EW_FC_4_TWO(READ)

/* Two channels. */
#define EW_FC_2_TWO(READ)                                                                         \
  EW_FC_QUADS_##READ("r6", "r7") "ldmia r0!, {r8-r11}\n"                                          \
  EW_FC_PRODUCTS("r8", "r2", "r4", "r5") EW_FC_PRODUCTS("r9", "r3", "r4", "r5")                   \
  EW_FC_PRODUCTS("r10", "r6", "r4", "r5") EW_FC_PRODUCTS("r11", "r7", "r4", "r5")
#define EW_FC_2_REST(READ)                                                                        \
  EW_FC_QUAD_##READ "ldmia r0!, {r8, r9}\n"                                                       \
  EW_FC_PRODUCTS("r8", "r2", "r4", "r5") EW_FC_PRODUCTS("r9", "r3", "r4", "r5")
#define EW_FC_2_MAIN(READ) EW_FC_2_TWO(READ) EW_FC_2_TWO(READ)

/* The same with LONG weights, always WIDE. */
#define EW_FC_4L_WORDS(x)                                                                         \
  "ldmia r0!, {r8-r11}\n smlad r4, r8, " x ", r4\n smlad r5, r9, " x ", r5\n"                     \
  "smlad r6, r10, " x ", r6\n smlad r7, r11, " x ", r7\n"
#define EW_FC_4L_TWO                                                                              \
  EW_FC_QUADS_WIDE("r12", "lr") EW_FC_4L_WORDS("r2") EW_FC_4L_WORDS("r3") EW_FC_4L_WORDS("r12")   \
  EW_FC_4L_WORDS("lr")
#define EW_FC_4L_REST(READ) EW_FC_QUAD_WIDE EW_FC_4L_WORDS("r2") EW_FC_4L_WORDS("r3")
#define EW_FC_4L_MAIN(READ) EW_FC_4L_TWO EW_FC_4L_TWO
#define EW_FC_2L_REST(READ)                                                                       \
  EW_FC_QUAD_WIDE "ldmia r0!, {r8-r11}\n smlad r4, r8, r2, r4\n smlad r5, r9, r2, r5\n"           \
  "smlad r4, r10, r3, r4\n smlad r5, r11, r3, r5\n"
#define EW_FC_2L_MAIN(READ) \
  EW_FC_2L_REST(READ) EW_FC_2L_REST(READ) EW_FC_2L_REST(READ) EW_FC_2L_REST(READ)

/* Requantization of a pair to bytes at r1 + at; r2, r3 are factor and constant, r12 is the shift. */
#define EW_FC_SUMS_OF_2(t, s) "sub " t ", " t ", " s "\n lsl " s ", #8\n"
#define EW_FC_SUMS_OF_2L(t, s) "lsl " t ", #8\n lsl " s ", #8\n"
#define EW_FC_PAIR(NEXT, t, s, at, SECOND)                                                        \
  NEXT "smmla " t ", " t ", r2, r3\n" NEXT "smmla " s ", " s ", r2, r3\n"                         \
  "asr " t ", r12\n ssat " t ", #8, " t "\n asr " s ", r12\n ssat " s ", #8, " s "\n"             \
  "strb " t ", [r1, #" at "]\n" SECOND "strb " s ", [r1, #" at "+1]\n"
#define EW_FC_NEXT_SHARED ""
#define EW_FC_NEXT_OWN "ldmia r0!, {r2, r3}\n"
#define EW_FC_FINISH(P, KIND, t, s, at, SECOND) \
  EW_FC_SUMS_OF_##P(t, s) EW_FC_PAIR(EW_FC_NEXT_##KIND, t, s, at, SECOND)
#define EW_FC_LOAD_SHARED "ldr r1, [sp, #36]\n ldr r12, [sp, #16]\n ldr r2, [sp, #20]\n ldr r3, [sp, #24]\n"
#define EW_FC_LOAD_OWN "ldr r1, [sp, #36]\n ldr r12, [sp, #16]\n"

#define EW_FC_SUMS_8 "ldmia r0!, {r4-r11}\n"
#define EW_FC_SUMS_4 "ldmia r0!, {r4-r7}\n"
#define EW_FC_SUMS_4L EW_FC_SUMS_4
#define EW_FC_FOUR(P, KIND) \
  EW_FC_FINISH(P, KIND, "r4", "r5", "0", "") EW_FC_FINISH(P, KIND, "r6", "r7", "2", "")
#define EW_FC_FINISH_4(KIND) EW_FC_FOUR(2, KIND)
#define EW_FC_FINISH_4L(KIND) EW_FC_FOUR(2L, KIND)
#define EW_FC_FINISH_8(KIND)                                                                      \
  EW_FC_FOUR(2, KIND)                                                                             \
  EW_FC_FINISH(2, KIND, "r8", "r9", "4", "") EW_FC_FINISH(2, KIND, "r10", "r11", "6", "")
#define EW_FC_CHANNELS_8 "8"
#define EW_FC_CHANNELS_4 "4"
#define EW_FC_CHANNELS_4L "4"

/* Frame: [sp] end of the odd quads of x, 4 end of x, 8 end of the groups, 12 end of the pairs, 16 shift,
 * 20 factor, 24 constant, 28 end of the last pair if it is one channel, 32 x, 36 out. */
#define EW_FC_ENTER                                                                               \
  "push {r0, r1, r4-r11, lr}\n ldmia r2!, {r3-r10}\n"                                            \
  "add r3, r0\n add r4, r0\n add r5, r2\n add r6, r5\n add r10, r2\n"                            \
  "push {r3-r10}\n mov r0, r2\n"
#define EW_FC_LOOPS(N, READ)                                                                      \
  "ldr r1, [sp, #32]\n ldr r12, [sp]\n cmp r1, r12\n beq 3f\n"                                    \
  "2:\n" EW_FC_##N##_REST(READ) "ldr r12, [sp]\n cmp r1, r12\n bne 2b\n"                          \
  "3:\n ldr r12, [sp, #4]\n cmp r1, r12\n beq 5f\n"                                              \
  "4:\n" EW_FC_##N##_MAIN(READ) "ldr r12, [sp, #4]\n cmp r1, r12\n bne 4b\n5:\n"
#define EW_FC_GROUPS(N, READ, KIND)                                                               \
  "ldr r12, [sp, #8]\n cmp r0, r12\n beq 6f\n"                                                    \
  "1:\n" EW_FC_SUMS_##N EW_FC_LOOPS(N, READ) EW_FC_LOAD_##KIND EW_FC_FINISH_##N(KIND)             \
  "add r1, #" EW_FC_CHANNELS_##N "\n str r1, [sp, #36]\n ldr r2, [sp, #8]\n cmp r0, r2\n bne 1b\n6:\n"
/* An odd number of channels is filled with one that is not stored. */
#define EW_FC_PAIRS(P, READ, KIND)                                                                \
  "ldr r12, [sp, #12]\n cmp r0, r12\n beq 7f\n"                                                   \
  "1:\n ldmia r0!, {r4, r5}\n" EW_FC_LOOPS(P, READ) EW_FC_LOAD_##KIND                             \
  EW_FC_FINISH(P, KIND, "r4", "r5", "0", "ldr r6, [sp, #28]\n cmp r0, r6\n beq 7f\n")                 \
  "add r1, #2\n str r1, [sp, #36]\n ldr r2, [sp, #12]\n cmp r0, r2\n bne 1b\n7:\n"

/* void NAME(x, out, stream): N channels a group, P a pair; both with L for LONG weights. */
#define EW_FC_DSP(NAME, TYPE, READ, KIND, N, P)                                                   \
  EW_NAKED void NAME(const TYPE *x EW_UNUSED, int8_t *out EW_UNUSED, const int32_t *stream EW_UNUSED) { \
    __asm volatile(EW_FC_ENTER EW_FC_GROUPS(N, READ, KIND) EW_FC_PAIRS(P, READ, KIND)             \
                   "add sp, #40\n pop {r4-r11, pc}\n");                                          \
  }
EW_FC_DSP(ew_fc_8_wide_shared, int16_t, WIDE, SHARED, 8, 2)
EW_FC_DSP(ew_fc_8_wide_own, int16_t, WIDE, OWN, 8, 2)
EW_FC_DSP(ew_fc_8_s8_shared, int8_t, S8, SHARED, 8, 2)
EW_FC_DSP(ew_fc_8_s8_own, int8_t, S8, OWN, 8, 2)
EW_FC_DSP(ew_fc_4_wide_shared, int16_t, WIDE, SHARED, 4, 2)
EW_FC_DSP(ew_fc_4_wide_own, int16_t, WIDE, OWN, 4, 2)
EW_FC_DSP(ew_fc_4_s8_shared, int8_t, S8, SHARED, 4, 2)
EW_FC_DSP(ew_fc_4_s8_own, int8_t, S8, OWN, 4, 2)
EW_FC_DSP(ew_fc_4_long_shared, int16_t, WIDE, SHARED, 4L, 2L)
EW_FC_DSP(ew_fc_4_long_own, int16_t, WIDE, OWN, 4L, 2L)

/* Widens quads in the order the products take; x at any alignment. */
EW_NAKED void ew_fc_widen_quads(const int8_t *x EW_UNUSED, int16_t *wide EW_UNUSED, int32_t quads EW_UNUSED) {
  __asm volatile(
      "push {r4-r11, lr}\n and r3, r2, #3\n add r2, r0, r2, lsl #2\n add r3, r0, r3, lsl #2\n"
      "1:\n cmp r0, r3\n beq 2f\n"
      "ldr r4, [r0], #4\n sxtb16 r5, r4, ror #8\n sxtb16 r4, r4\n stmia r1!, {r4, r5}\n b 1b\n"
      "2:\n cmp r0, r2\n beq 4f\n"
      "3:\n ldr r4, [r0], #16\n ldr r6, [r0, #-12]\n ldr r8, [r0, #-8]\n ldr r10, [r0, #-4]\n"
      "sxtb16 r5, r4, ror #8\n sxtb16 r4, r4\n sxtb16 r7, r6, ror #8\n sxtb16 r6, r6\n"
      "sxtb16 r9, r8, ror #8\n sxtb16 r8, r8\n sxtb16 r11, r10, ror #8\n sxtb16 r10, r10\n"
      "stmia r1!, {r4-r11}\n cmp r0, r2\n bne 3b\n"
      "4:\n pop {r4-r11, pc}\n");
}

/* Widens x, `count` bytes; the last quad is filled with zeros. */
EW_INLINE void ew_fc_widen(const int8_t *x, int16_t *wide, int32_t count) {
  ew_fc_widen_quads(x, wide, count >> 2);
  if (count & 3) {
    int8_t last[4] = {0};
    memcpy(last, x + (count & ~3), (size_t)(count & 3));
    ew_fc_widen_quads(last, wide + (count & ~3), 1);
  }
}
#endif
