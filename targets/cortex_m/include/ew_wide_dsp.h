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
 * Forms of requantization, and what is proven for them: `folded_requantization.py`. Constants of a channel: multiplier,
 * addend, right shift; of form `step` without the shift, which is that of all channels.
 *
 * All are  void name(const ew_wide_tile *tile):
 *
 * EW_WIDE_STRAIGHT(name, pixels, weights, form, clamp, core, shift, stride, repeats)
 * EW_WIDE_LOOP(name, pixels, weights, form, clamp, core, shift, stride, repeats, repeats of a turn)
 *   for one depth, unrolled, and one distance of pixels in `out`.
 * EW_WIDE_SHARED(name, pixels, weights, form, clamp, core, shift, log2 of the repeats of a turn)
 *   for every depth and distance; `skip` repeats of the first turn are left out.
 *
 * A repeat is one step with w16, two with w8; the first one is not counted. */
#ifndef EW_WIDE_DSP_H
#define EW_WIDE_DSP_H
#include "ew_wide_gather.h"

#define EW_UNUSED __attribute__((unused))

typedef struct {
  const int32_t *w; /* stream of the first two channels */
  const uint32_t *x;
  int8_t *out, *end;       /* of the first pixel: first channel, behind the last one */
  const uint32_t *x_end;   /* behind x, for loops over k */
  int32_t skip;            /* of shared code */
  int32_t low, high;       /* with clamp `narrow` */
  int32_t stride;          /* bytes from pixel to pixel in `out`, of shared code */
} ew_wide_tile;

/* Registers: r0 stream, r1 x, r4 and r5 weights, r6 and r7 (and r12) pixels: low ones, whose loads are short. Accumulators: the
 * last pixel that is multiplied has r2, r3, where the biases arrive: all others take them as the addend of their first product.
 * Frame: [sp] x, [sp, 4] out, [sp, 8] end of out, [sp, 12] end of x, [sp, 16] where to enter the shared loop, [sp, 20] low,
 * [sp, 24] high, [sp, 28] stride.
 *
 * Cores: on `single` a load behind another takes one cycle less, if it does not move its base; LDRD and LDM do not pipeline; on
 * `dual` only the number of instructions counts. `single` keeps r0 at the last weights read, and r1 of four pixels at the last
 * two; `dual` behind them. */
#define EW_WIDE_TOP_single(form)                                                                   \
  "ldr r4, [r0, #8+" EW_WIDE_LAST_##form "]!\n ldr r1, [sp]\n ldr r5, [r0, #4]\n"                  \
  "ldr r2, [r0, #-8]\n ldr r3, [r0, #-4]\n"
#define EW_WIDE_TOP_dual(form) "ldr r1, [sp]\n ldmia r0!, {r2, r3, r4, r5}\n"
#define EW_WIDE_BACK_single(form) "subs r0, #" EW_WIDE_LAST_##form "\n"
#define EW_WIDE_BACK_dual(form) ""
#define EW_WIDE_NEXT_single "ldr r4, [r0, #8]!\n ldr r5, [r0, #4]\n"
#define EW_WIDE_NEXT_dual "ldmia r0!, {r4, r5}\n"
#define EW_WIDE_AGAIN_single "ldr r4, [r0]\n ldr r5, [r0, #4]\n"
#define EW_WIDE_AGAIN_dual "ldrd r4, r5, [r0, #-8]\n"
#define EW_WIDE_EVEN "sxtb16 r4, r4\n sxtb16 r5, r5\n"
#define EW_WIDE_ODD "sxtb16 r4, r4, ror #8\n sxtb16 r5, r5, ror #8\n"

#define EW_WIDE_MAC(a, b, x, c, d) "smlad " a ", r4, " x ", " c "\n smlad " b ", r5, " x ", " d "\n"

/* Products of a step behind the loads of its weights; `widen` unpacks them. c, d, ...: addends. */
#define EW_WIDE_BEFORE_4_single "subs r1, #8\n subs r4, #8\n"
#define EW_WIDE_BEFORE_4_dual ""
#define EW_WIDE_PAIR_4_single "ldr r6, [r1, #8]\n ldr r7, [r1, #12]\n"
#define EW_WIDE_REST_4_single "ldr r6, [r1, #16]!\n ldr r7, [r1, #4]\n"
#define EW_WIDE_PAIR_4_dual "ldmia r1!, {r6, r7}\n"
#define EW_WIDE_REST_4_dual "ldmia r1!, {r6, r7}\n"
#define EW_WIDE_X_4(core, widen, c, d, e, f, g, h)                                                 \
  EW_WIDE_PAIR_4_##core widen EW_WIDE_MAC("r8", "r9", "r6", c, d) EW_WIDE_MAC("r10", "r11", "r7", e, f) \
  EW_WIDE_REST_4_##core EW_WIDE_MAC("r12", "lr", "r6", g, h) EW_WIDE_MAC("r2", "r3", "r7", "r2", "r3")
#define EW_WIDE_FIRST_4(core, widen) EW_WIDE_X_4(core, widen, "r2", "r3", "r2", "r3", "r2", "r3")
#define EW_WIDE_LATER_4(core, widen) EW_WIDE_X_4(core, widen, "r8", "r9", "r10", "r11", "r12", "lr")

#define EW_WIDE_BEFORE_3_single ""
#define EW_WIDE_BEFORE_3_dual ""
#define EW_WIDE_ALL_3_single "ldr r6, [r1]\n ldr r7, [r1, #4]\n ldr r12, [r1, #8]\n adds r1, #12\n"
#define EW_WIDE_ALL_3_dual "ldmia r1!, {r6, r7, r12}\n"
#define EW_WIDE_X_3(core, widen, c, d, e, f)                                                       \
  EW_WIDE_ALL_3_##core widen EW_WIDE_MAC("r8", "r9", "r6", c, d) EW_WIDE_MAC("r10", "r11", "r7", e, f) \
  EW_WIDE_MAC("r2", "r3", "r12", "r2", "r3")
#define EW_WIDE_FIRST_3(core, widen) EW_WIDE_X_3(core, widen, "r2", "r3", "r2", "r3")
#define EW_WIDE_LATER_3(core, widen) EW_WIDE_X_3(core, widen, "r8", "r9", "r10", "r11")

#define EW_WIDE_BEFORE_2_single ""
#define EW_WIDE_BEFORE_2_dual ""
#define EW_WIDE_ALL_2_single "ldr r6, [r1]\n ldr r7, [r1, #4]\n adds r1, #8\n"
#define EW_WIDE_ALL_2_dual "ldmia r1!, {r6, r7}\n"
#define EW_WIDE_X_2(core, widen, c, d)                                                             \
  EW_WIDE_ALL_2_##core widen EW_WIDE_MAC("r8", "r9", "r6", c, d) EW_WIDE_MAC("r2", "r3", "r7", "r2", "r3")
#define EW_WIDE_FIRST_2(core, widen) EW_WIDE_X_2(core, widen, "r2", "r3")
#define EW_WIDE_LATER_2(core, widen) EW_WIDE_X_2(core, widen, "r8", "r9")

#define EW_WIDE_BEFORE_1_single ""
#define EW_WIDE_BEFORE_1_dual ""
#define EW_WIDE_ALL_1_single "ldr r6, [r1]\n adds r1, #4\n"
#define EW_WIDE_ALL_1_dual "ldmia r1!, {r6}\n"
#define EW_WIDE_FIRST_1(core, widen) EW_WIDE_ALL_1_##core widen EW_WIDE_MAC("r2", "r3", "r6", "r2", "r3")
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

/* How many words of the tile are the frame, which begins behind r0. */
#define EW_WIDE_FRAME_full(words) words
#define EW_WIDE_FRAME_narrow(words) 7
#define EW_WIDE_LOAD_3 "ldmia r0, {r0-r3}\n"
#define EW_WIDE_LOAD_4 "ldmia r0, {r0-r4}\n"
#define EW_WIDE_LOAD_7 "ldmia r0, {r0-r7}\n"
#define EW_WIDE_LOAD_8 "ldmia r0, {r0-r8}\n"
#define EW_WIDE_PUSH_3 "push {r1-r3}\n"
#define EW_WIDE_PUSH_4 "push {r1-r4}\n"
#define EW_WIDE_PUSH_7 "push {r1-r7}\n"
#define EW_WIDE_PUSH_8 "push {r1-r8}\n"
#define EW_WIDE_LOAD(words) EW_WIDE_LOAD_##words
#define EW_WIDE_PUSH(words) EW_WIDE_PUSH_##words
#define EW_WIDE_TILE_OF(NAME, P, WEIGHTS, FORM, CLAMP, CORE, SHIFT, WORDS, ENTER, REPEATS, STORE)  \
  static __attribute__((naked, noinline, unused)) void NAME(const ew_wide_tile *tile EW_UNUSED) {  \
    __asm volatile(                                                                                \
        "push {r4-r11, lr}\n" EW_WIDE_LOAD(WORDS) EW_WIDE_BEFORE_##P##_##CORE EW_WIDE_BACK_##CORE(FORM) \
        ENTER EW_WIDE_PUSH(WORDS)                                                                  \
        "1:\n" EW_WIDE_BEGIN_##WEIGHTS(P, CORE, FORM) REPEATS                                      \
        EW_WIDE_FINISH_##P(CORE, FORM, SHIFT) EW_WIDE_##CLAMP(P) STORE                             \
        "bne 1b\n add sp, #4*" #WORDS "\n pop {r4-r11, pc}\n");                                    \
  }
#define EW_WIDE_TILE_AS(NAME, P, WEIGHTS, FORM, CLAMP, CORE, SHIFT, WORDS, ENTER, REPEATS, STORE)  \
  EW_WIDE_TILE_OF(NAME, P, WEIGHTS, FORM, CLAMP, CORE, SHIFT, WORDS, ENTER, REPEATS, STORE)
#define EW_WIDE_TILE(NAME, P, WEIGHTS, FORM, CLAMP, CORE, SHIFT, WORDS, ENTER, REPEATS, STORE)     \
  EW_WIDE_TILE_AS(NAME, P, WEIGHTS, FORM, CLAMP, CORE, SHIFT, EW_WIDE_FRAME_##CLAMP(WORDS), ENTER, REPEATS, STORE)
#define EW_WIDE_MANY(count, P, WEIGHTS, CORE) ".rept " count "\n" EW_WIDE_REPEAT_##WEIGHTS(P, CORE) ".endr\n"
#define EW_WIDE_TURN "ldr r6, [sp, #12]\n cmp r1, r6\n bne 2b\n"
#define EW_WIDE_STRAIGHT(NAME, P, WEIGHTS, FORM, CLAMP, CORE, SHIFT, STRIDE, REPEATS)              \
  EW_WIDE_TILE(NAME, P, WEIGHTS, FORM, CLAMP, CORE, #SHIFT, 3, "",                                 \
               EW_WIDE_MANY(#REPEATS, P, WEIGHTS, CORE), EW_WIDE_STORE_##P(#STRIDE))
#define EW_WIDE_LOOP(NAME, P, WEIGHTS, FORM, CLAMP, CORE, SHIFT, STRIDE, REPEATS, TURN)            \
  EW_WIDE_TILE(NAME, P, WEIGHTS, FORM, CLAMP, CORE, #SHIFT, 4, "",                                 \
               EW_WIDE_MANY(#REPEATS, P, WEIGHTS, CORE)                                            \
               "2:\n" EW_WIDE_MANY(#TURN, P, WEIGHTS, CORE) EW_WIDE_TURN, EW_WIDE_STORE_##P(#STRIDE))
/* All repeats of a turn have the same size, so where to enter is a share of the distance of its ends; bit 0 is that of Thumb. */
#define EW_WIDE_SHARED(NAME, P, WEIGHTS, FORM, CLAMP, CORE, SHIFT, LOG2)                           \
  EW_WIDE_TILE_AS(NAME, P, WEIGHTS, FORM, CLAMP, CORE, #SHIFT, 8,                                  \
               "adr.w r9, 2f\n adr.w r10, 3f\n sub r10, r9\n mul r10, r5, r10\n"                    \
               "add r5, r9, r10, lsr #" #LOG2 "\n orr r5, #1\n",                                   \
               "ldr pc, [sp, #16]\n"                                                               \
               "2:\n" EW_WIDE_MANY("1<<" #LOG2, P, WEIGHTS, CORE) "3:\n" EW_WIDE_TURN, EW_WIDE_ANY_##P)
#endif
