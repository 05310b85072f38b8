/* Wide tiles for Armv7E-M and Armv8-M with DSP: two output channels of four pixels, eight accumulators.
 *
 *   acc[pixel][channel] = bias[channel] + sum over k of x[k][pixel] * w[k][channel],   k in pairs (SMLAD)
 *
 * One call takes all channels of a tile of pixels. What belongs to two channels is one stream:
 *
 *   bias 0, bias 1 | w[0][0], w[0][1], w[1][0], w[1][1], ... | constants of channel 0, of channel 1
 *
 * w16: a word is two int16 weights, doubled. w8: a word is four int8 weights, of two steps, bytes 0 and 2 for the first;
 * then x is doubled. So accumulators are doubled, and SMMLAR by the multiplier is the doubling high multiply.
 * x: words of two int16, x[step][pixel]. Everything is 4-byte aligned, but out.
 *
 * Forms of requantization, and what is proven for them: `requantization.py`. Constants of a channel: multiplier, addend,
 * right shift; of form `step` without the shift, which is that of all channels.
 *
 * EW_WIDE_STRAIGHT(name, pixels, weights, form, clamp, core, shift, stride, repeats)
 * EW_WIDE_LOOP(name, pixels, weights, form, clamp, core, shift, stride, repeats, repeats of a turn, bytes of x)
 *   void name(stream, x, out, end), with clamp `narrow` also (low, high): for one depth, unrolled, and one distance of pixels
 *   in `out`.
 * EW_WIDE_SHARED(name, pixels, weights, form, clamp, core, shift, log2 of the repeats of a turn)
 *   void name(stream, x, out, end, low, high, stride, skip, bytes of x): for every depth and distance; `skip` repeats of the
 *   first turn are left out.
 *
 * `end`: out behind the channels of the first pixel. A repeat is one step with w16, two with w8; the first one is not
 * counted. */
#ifndef EW_WIDE_DSP_H
#define EW_WIDE_DSP_H
#include "ew_wide_gather.h"

#define EW_UNUSED __attribute__((unused))

/* Registers: r0 stream, r1 x, r4 and r5 weights, r12, lr (and r10) pixels. Accumulators: the last pixel that is multiplied
 * has r2, r3, where the biases arrive: all others take them as the addend of their first product.
 * Frame: [sp] x, [sp, 4] out, [sp, 8] end of out, [sp, 12] end of x, [sp, 16] where to enter the shared loop, [sp, 56] low,
 * [sp, 60] high, [sp, 64] stride; the arguments behind them are read before the frame is complete.
 *
 * Cores: on `single` a load behind another takes one cycle less, LDRD and LDM do not pipeline; on `dual` only the number of
 * instructions counts. `single` keeps r0 at the last weights read, `dual` behind them. */
#define EW_WIDE_TOP_single(form)                                                                   \
  "ldr r4, [r0, #8+" EW_WIDE_LAST_##form "]!\n ldr r1, [sp]\n ldr r5, [r0, #4]\n"                  \
  "ldr r2, [r0, #-8]\n ldr r3, [r0, #-4]\n"
#define EW_WIDE_TOP_dual(form) "ldr r1, [sp]\n ldmia r0!, {r2, r3, r4, r5}\n"
#define EW_WIDE_BACK_single(form) "sub r0, #" EW_WIDE_LAST_##form "\n"
#define EW_WIDE_BACK_dual(form) ""
#define EW_WIDE_NEXT_single "ldr r4, [r0, #8]!\n ldr r5, [r0, #4]\n"
#define EW_WIDE_NEXT_dual "ldrd r4, r5, [r0], #8\n"
#define EW_WIDE_AGAIN_single "ldr r4, [r0]\n ldr r5, [r0, #4]\n"
#define EW_WIDE_AGAIN_dual "ldrd r4, r5, [r0, #-8]\n"
#define EW_WIDE_EVEN "sxtb16 r4, r4\n sxtb16 r5, r5\n"
#define EW_WIDE_ODD "sxtb16 r4, r4, ror #8\n sxtb16 r5, r5, ror #8\n"

#define EW_WIDE_MAC(a, b, x, c, d) "smlad " a ", r4, " x ", " c "\n smlad " b ", r5, " x ", " d "\n"

/* Products of a step behind the loads of its weights; `widen` unpacks them. c, d, ...: addends. */
#define EW_WIDE_PAIR_4_single "ldr r12, [r1, #8]\n ldr lr, [r1, #12]\n"
#define EW_WIDE_REST_4_single "ldr r12, [r1], #16\n ldr lr, [r1, #-12]\n"
#define EW_WIDE_PAIR_4_dual "ldrd r12, lr, [r1, #8]\n"
#define EW_WIDE_REST_4_dual "ldrd r12, lr, [r1], #16\n"
#define EW_WIDE_X_4(core, widen, c, d, e, f, g, h)                                                 \
  EW_WIDE_PAIR_4_##core widen EW_WIDE_MAC("r6", "r7", "r12", c, d) EW_WIDE_MAC("r8", "r9", "lr", e, f) \
  EW_WIDE_REST_4_##core EW_WIDE_MAC("r10", "r11", "r12", g, h) EW_WIDE_MAC("r2", "r3", "lr", "r2", "r3")
#define EW_WIDE_FIRST_4(core, widen) EW_WIDE_X_4(core, widen, "r2", "r3", "r2", "r3", "r2", "r3")
#define EW_WIDE_LATER_4(core, widen) EW_WIDE_X_4(core, widen, "r6", "r7", "r8", "r9", "r10", "r11")

#define EW_WIDE_ALL_3_single "ldr r10, [r1]\n ldr r12, [r1, #4]\n ldr lr, [r1, #8]\n add r1, #12\n"
#define EW_WIDE_ALL_3_dual "ldmia r1!, {r10, r12, lr}\n"
#define EW_WIDE_X_3(core, widen, c, d, e, f)                                                       \
  EW_WIDE_ALL_3_##core widen EW_WIDE_MAC("r6", "r7", "r10", c, d) EW_WIDE_MAC("r8", "r9", "r12", e, f) \
  EW_WIDE_MAC("r2", "r3", "lr", "r2", "r3")
#define EW_WIDE_FIRST_3(core, widen) EW_WIDE_X_3(core, widen, "r2", "r3", "r2", "r3")
#define EW_WIDE_LATER_3(core, widen) EW_WIDE_X_3(core, widen, "r6", "r7", "r8", "r9")

#define EW_WIDE_ALL_2_single "ldr r12, [r1]\n ldr lr, [r1, #4]\n add r1, #8\n"
#define EW_WIDE_ALL_2_dual "ldrd r12, lr, [r1], #8\n"
#define EW_WIDE_X_2(core, widen, c, d)                                                             \
  EW_WIDE_ALL_2_##core widen EW_WIDE_MAC("r6", "r7", "r12", c, d) EW_WIDE_MAC("r2", "r3", "lr", "r2", "r3")
#define EW_WIDE_FIRST_2(core, widen) EW_WIDE_X_2(core, widen, "r2", "r3")
#define EW_WIDE_LATER_2(core, widen) EW_WIDE_X_2(core, widen, "r6", "r7")

#define EW_WIDE_ALL_1_single "ldr r12, [r1], #4\n"
#define EW_WIDE_ALL_1_dual EW_WIDE_ALL_1_single
#define EW_WIDE_FIRST_1(core, widen) EW_WIDE_ALL_1_##core widen EW_WIDE_MAC("r2", "r3", "r12", "r2", "r3")
#define EW_WIDE_LATER_1(core, widen) EW_WIDE_FIRST_1(core, widen)

/* The first repeat with its biases, and a later one. */
#define EW_WIDE_BEGIN_w16(P, core, form) EW_WIDE_TOP_##core(form) EW_WIDE_FIRST_##P(core, "")
#define EW_WIDE_REPEAT_w16(P, core) EW_WIDE_NEXT_##core EW_WIDE_LATER_##P(core, "")
#define EW_WIDE_BEGIN_w8(P, core, form)                                                            \
  EW_WIDE_TOP_##core(form) EW_WIDE_FIRST_##P(core, EW_WIDE_EVEN)                                   \
  EW_WIDE_AGAIN_##core EW_WIDE_LATER_##P(core, EW_WIDE_ODD)
#define EW_WIDE_REPEAT_w8(P, core)                                                                 \
  EW_WIDE_NEXT_##core EW_WIDE_LATER_##P(core, EW_WIDE_EVEN) EW_WIDE_AGAIN_##core EW_WIDE_LATER_##P(core, EW_WIDE_ODD)

#include "ew_wide_finish_dsp.h"

#define EW_WIDE_CLAMP_ARGUMENTS_full
#define EW_WIDE_CLAMP_ARGUMENTS_narrow , int32_t low EW_UNUSED, int32_t high EW_UNUSED
#define EW_WIDE_SHARED_ARGUMENTS \
  , int32_t low EW_UNUSED, int32_t high EW_UNUSED, int32_t stride EW_UNUSED, int32_t skip EW_UNUSED, int32_t x_bytes EW_UNUSED

#define EW_WIDE_TILE(NAME, P, WEIGHTS, FORM, CLAMP, CORE, SHIFT, ENTER, REPEATS, STORE, MORE)      \
  static __attribute__((naked, noinline, unused)) void NAME(                                       \
      const void *w EW_UNUSED, const uint32_t *x EW_UNUSED, int8_t *out EW_UNUSED, int8_t *end EW_UNUSED MORE) { \
    __asm volatile(                                                                                \
        "push {r4-r11, lr}\n" ENTER "push {r1-r3, r12, lr}\n" EW_WIDE_BACK_##CORE(FORM)            \
        "1:\n" EW_WIDE_BEGIN_##WEIGHTS(P, CORE, FORM) REPEATS                                      \
        EW_WIDE_FINISH_##P(CORE, FORM, SHIFT) EW_WIDE_##CLAMP(P) STORE                             \
        "bne 1b\n add sp, #20\n pop {r4-r11, pc}\n");                                              \
  }
#define EW_WIDE_MANY(count, P, WEIGHTS, CORE) ".rept " count "\n" EW_WIDE_REPEAT_##WEIGHTS(P, CORE) ".endr\n"
#define EW_WIDE_TURN "ldr r12, [sp, #12]\n cmp r1, r12\n bne 2b\n"
#define EW_WIDE_STRAIGHT(NAME, P, WEIGHTS, FORM, CLAMP, CORE, SHIFT, STRIDE, REPEATS)              \
  EW_WIDE_TILE(NAME, P, WEIGHTS, FORM, CLAMP, CORE, #SHIFT, "",                                    \
               EW_WIDE_MANY(#REPEATS, P, WEIGHTS, CORE), EW_WIDE_STORE_##P(#STRIDE),          \
               EW_WIDE_CLAMP_ARGUMENTS_##CLAMP)
#define EW_WIDE_LOOP(NAME, P, WEIGHTS, FORM, CLAMP, CORE, SHIFT, STRIDE, REPEATS, TURN, BYTES)     \
  EW_WIDE_TILE(NAME, P, WEIGHTS, FORM, CLAMP, CORE, #SHIFT,                                        \
               "movw r12, #" #BYTES "\n add r12, r1\n",                                            \
               EW_WIDE_MANY(#REPEATS, P, WEIGHTS, CORE)                                            \
               "2:\n" EW_WIDE_MANY(#TURN, P, WEIGHTS, CORE) EW_WIDE_TURN, EW_WIDE_STORE_##P(#STRIDE),          \
               EW_WIDE_CLAMP_ARGUMENTS_##CLAMP)
/* All repeats of a turn have the same size, so where to enter is a share of the distance of its ends; bit 0 is that of Thumb. */
#define EW_WIDE_SHARED(NAME, P, WEIGHTS, FORM, CLAMP, CORE, SHIFT, LOG2)                           \
  EW_WIDE_TILE(NAME, P, WEIGHTS, FORM, CLAMP, CORE, #SHIFT,                                        \
               "ldr r4, [sp, #48]\n ldr r12, [sp, #52]\n add r12, r1\n adr.w r5, 2f\n adr.w lr, 3f\n" \
               "sub lr, r5\n mul lr, r4, lr\n add lr, r5, lr, lsr #" #LOG2 "\n orr lr, #1\n",      \
               "ldr pc, [sp, #16]\n"                                                               \
               "2:\n" EW_WIDE_MANY("1<<" #LOG2, P, WEIGHTS, CORE) "3:\n" EW_WIDE_TURN, EW_WIDE_ANY_##P, \
               EW_WIDE_SHARED_ARGUMENTS)
#endif
