/* Dot products with packed weights for Armv7E-M and Armv8-M with DSP.
 *
 * Codes of 4 and 2 bits: a word holds, for a pair of inputs in its 16-bit halves, the codes of four
 * channels one above the other. One AND with a constant leaves those of a channel in both halves, ready
 * for SMLAD; they stand higher than bit 0 there, so that the channel's sum is a multiple of a power of two,
 * shifted right in the end. No sum reaches 2^31: 128 * 240 * depth for 4 bits, 128 * 192 * depth for 2.
 *
 * Codes of 1 bit: |u - m| of an unsigned byte u is u for m = 0 and 255 - u for m = 255, so USADA8 adds up
 * four products with +1 or -1 at once, but for a constant, which the bias has. AND and RSB make the
 * four bytes m of a channel: bits << 8 less bits is bits * 255.
 *
 * Entry of all: r0 w, r1 x, r2 acc, r3 length; acc[pixel][channel]. */
#ifndef EW_PACKED_DSP_H
#define EW_PACKED_DSP_H
#include "ew_gather.h"
#include "ew_packed_tile.h"

#define EW_PACKED_NAKED static __attribute__((naked, noinline, unused))
#define EW_PACKED_UNUSED __attribute__((unused))

/* Frame: [sp] end of the odd steps, [sp, 4] end of w, [sp, 8] acc. `log2`: bytes of w in a step. */
#define EW_PACKED_ENTER(log2)                                                                     \
  "push {r4-r11, lr}\n add lr, r0, r3, lsl #" log2 "\n and r12, r3, #3\n"                         \
  "add r12, r0, r12, lsl #" log2 "\n push {r2, r3}\n push {r12, lr}\n"
#define EW_PACKED_LOOPS(step)                                                                     \
  "ldr r12, [sp]\n cmp r0, r12\n beq 2f\n"                                                        \
  "1:\n" step "ldr r12, [sp]\n cmp r0, r12\n bne 1b\n"                                            \
  "2:\n ldr r12, [sp, #4]\n cmp r0, r12\n beq 4f\n"                                               \
  "3:\n" step step step step "ldr r12, [sp, #4]\n cmp r0, r12\n bne 3b\n4:\n"
#define EW_PACKED_LEAVE(accumulators)                                                             \
  "ldr r12, [sp, #8]\n stmia r12, {" accumulators "}\n add sp, #16\n pop {r4-r11, pc}\n"
#define EW_PACKED_DOT(NAME, LOG2, START, STEP, END, ACCUMULATORS)                                 \
  EW_PACKED_NAKED void NAME(const uint32_t *w EW_PACKED_UNUSED, const void *x EW_PACKED_UNUSED,   \
                            int32_t *acc EW_PACKED_UNUSED, int32_t length EW_PACKED_UNUSED) {     \
    __asm volatile(EW_PACKED_ENTER(LOG2) START EW_PACKED_LOOPS(STEP) END EW_PACKED_LEAVE(ACCUMULATORS)); \
  }

/* r12 weights, lr codes, r2 and r3 a pair of inputs of each pixel. x[quad][pixel][4] as ew_gather makes it:
 * loads stand behind one another, which then take one cycle each. */
#define EW_PACKED_CODE_2(mask, a, b)                                                              \
  "and lr, r12, #" mask "\n smlad " a ", lr, r2, " a "\n smlad " b ", lr, r3, " b "\n"
#define EW_PACKED_CODE_1(mask, a, b) "and lr, r12, #" mask "\n smlad " a ", lr, r2, " a "\n"
#define EW_PACKED_PAIR_4(CODE)                                                                    \
  CODE("0x000f000f", "r4", "r8") CODE("0x00f000f0", "r5", "r9") "lsr r12, #8\n"                   \
  CODE("0x000f000f", "r6", "r10") CODE("0x00f000f0", "r7", "r11")
#define EW_PACKED_PAIR_2(CODE)                                                                    \
  CODE("0x00030003", "r4", "r8") CODE("0x000c000c", "r5", "r9")                                   \
  CODE("0x00300030", "r6", "r10") CODE("0x00c000c0", "r7", "r11")

#define EW_PACKED_4_4X2                                                                           \
  "ldr r12, [r0], #4\n ldr r2, [r1], #4\n ldr r3, [r1, #4]\n" EW_PACKED_PAIR_4(EW_PACKED_CODE_2)  \
  "ldr r12, [r0], #4\n ldr r2, [r1], #12\n ldr r3, [r1, #-4]\n" EW_PACKED_PAIR_4(EW_PACKED_CODE_2)
#define EW_PACKED_4_4X1                                                                           \
  "ldr r12, [r0], #4\n ldr r2, [r1], #4\n" EW_PACKED_PAIR_4(EW_PACKED_CODE_1)                     \
  "ldr r12, [r0], #4\n ldr r2, [r1], #4\n" EW_PACKED_PAIR_4(EW_PACKED_CODE_1)
#define EW_PACKED_2_4X2                                                                           \
  "ldr r12, [r0], #4\n ldr r2, [r1], #4\n ldr r3, [r1, #4]\n" EW_PACKED_PAIR_2(EW_PACKED_CODE_2)  \
  "ldr r2, [r1], #12\n ldr r3, [r1, #-4]\n lsr r12, #8\n" EW_PACKED_PAIR_2(EW_PACKED_CODE_2)
#define EW_PACKED_2_4X1                                                                           \
  "ldr r12, [r0], #4\n ldr r2, [r1], #4\n" EW_PACKED_PAIR_2(EW_PACKED_CODE_1)                     \
  "ldr r2, [r1], #4\n lsr r12, #8\n" EW_PACKED_PAIR_2(EW_PACKED_CODE_1)

#define EW_PACKED_ZERO_4 "movs r4, #0\n movs r5, #0\n movs r6, #0\n movs r7, #0\n"
#define EW_PACKED_ZERO_8 EW_PACKED_ZERO_4 "mov r8, r4\n mov r9, r4\n mov r10, r4\n mov r11, r4\n"
#define EW_PACKED_SHIFT_4_1 "asr r5, #4\n asr r7, #4\n"
#define EW_PACKED_SHIFT_4_2 EW_PACKED_SHIFT_4_1 "asr r9, #4\n asr r11, #4\n"
#define EW_PACKED_SHIFT_2_1 "asr r5, #2\n asr r6, #4\n asr r7, #6\n"
#define EW_PACKED_SHIFT_2_2 EW_PACKED_SHIFT_2_1 "asr r9, #2\n asr r10, #4\n asr r11, #6\n"

/* length: quads. */
EW_PACKED_DOT(ew_packed_dot4_4x2, "3", EW_PACKED_ZERO_8, EW_PACKED_4_4X2, EW_PACKED_SHIFT_4_2, "r4-r11")
EW_PACKED_DOT(ew_packed_dot4_4x1, "3", EW_PACKED_ZERO_4, EW_PACKED_4_4X1, EW_PACKED_SHIFT_4_1, "r4-r7")
EW_PACKED_DOT(ew_packed_dot2_4x2, "2", EW_PACKED_ZERO_8, EW_PACKED_2_4X2, EW_PACKED_SHIFT_2_2, "r4-r11")
EW_PACKED_DOT(ew_packed_dot2_4x1, "2", EW_PACKED_ZERO_4, EW_PACKED_2_4X1, EW_PACKED_SHIFT_2_1, "r4-r7")

/* r10 the mask 0x01010101, r11 weights of both channels, r12 m, r2, r3, lr pixels. A word of w is two channels
 * of four quads: in each byte bit 2 * quad + channel. x[quad][pixel][4], unsigned. */
#define EW_SIGNS_1(a) "usada8 " a ", r2, r12, " a "\n"
#define EW_SIGNS_2(a, b) EW_SIGNS_1(a) "usada8 " b ", r3, r12, " b "\n"
#define EW_SIGNS_3(a, b, c) EW_SIGNS_2(a, b) "usada8 " c ", lr, r12, " c "\n"
#define EW_SIGNS_MASK(shift) "and r12, r10, r11, lsr #" shift "\n rsb r12, r12, r12, lsl #8\n"
#define EW_SIGNS_QUAD_1(first, second)                                                            \
  "ldr r2, [r1], #4\n" EW_SIGNS_MASK(first) EW_SIGNS_1("r4") EW_SIGNS_MASK(second) EW_SIGNS_1("r5")
#define EW_SIGNS_QUAD_2(first, second)                                                            \
  "ldmia r1!, {r2, r3}\n" EW_SIGNS_MASK(first) EW_SIGNS_2("r4", "r6")                             \
  EW_SIGNS_MASK(second) EW_SIGNS_2("r5", "r7")
#define EW_SIGNS_QUAD_3(first, second)                                                            \
  "ldmia r1!, {r2, r3, lr}\n" EW_SIGNS_MASK(first) EW_SIGNS_3("r4", "r6", "r8")                   \
  EW_SIGNS_MASK(second) EW_SIGNS_3("r5", "r7", "r9")
#define EW_SIGNS_WORD(QUAD) "ldr r11, [r0], #4\n" QUAD("0", "1") QUAD("2", "3") QUAD("4", "5") QUAD("6", "7")
#define EW_SIGNS_LOOP(step)                                                                       \
  "1:\n" step "ldr r12, [sp, #4]\n cmp r0, r12\n bne 1b\n"
#define EW_SIGNS_START EW_PACKED_ZERO_4 "mov r8, r4\n mov r9, r4\n mov r10, #0x01010101\n"
#define EW_SIGNS_DOT(NAME, STEP, ACCUMULATORS)                                                    \
  EW_PACKED_NAKED void NAME(const uint32_t *w EW_PACKED_UNUSED, const void *x EW_PACKED_UNUSED,   \
                            int32_t *acc EW_PACKED_UNUSED, int32_t length EW_PACKED_UNUSED) {     \
    __asm volatile(EW_PACKED_ENTER("2") EW_SIGNS_START EW_SIGNS_LOOP(STEP) EW_PACKED_LEAVE(ACCUMULATORS)); \
  }
/* length: words, at least 1. */
EW_SIGNS_DOT(ew_packed_dot1_2x1, EW_SIGNS_WORD(EW_SIGNS_QUAD_1), "r4-r5")
EW_SIGNS_DOT(ew_packed_dot1_2x2, EW_SIGNS_WORD(EW_SIGNS_QUAD_2), "r4-r7")
EW_SIGNS_DOT(ew_packed_dot1_2x3, EW_SIGNS_WORD(EW_SIGNS_QUAD_3), "r4-r9")

#define EW_PACKED_DSP(NAME, DOT, CHANNELS, PIXELS, TOTAL)   \
  EW_PACKED_TILES(NAME, DOT, CHANNELS, PIXELS, TOTAL)       \
  EW_PACKED_TILES_WHOLE(NAME, DOT, CHANNELS, PIXELS, TOTAL)
EW_PACKED_DSP(ew_packed4_4x1, ew_packed_dot4_4x1, 4, 1, EW_TOTAL_OF_CODES)
EW_PACKED_DSP(ew_packed4_4x2, ew_packed_dot4_4x2, 4, 2, EW_TOTAL_OF_CODES)
EW_PACKED_DSP(ew_packed2_4x1, ew_packed_dot2_4x1, 4, 1, EW_TOTAL_OF_CODES)
EW_PACKED_DSP(ew_packed2_4x2, ew_packed_dot2_4x2, 4, 2, EW_TOTAL_OF_CODES)
EW_PACKED_DSP(ew_packed1_2x1, ew_packed_dot1_2x1, 2, 1, EW_TOTAL_OF_SIGNS)
EW_PACKED_DSP(ew_packed1_2x2, ew_packed_dot1_2x2, 2, 2, EW_TOTAL_OF_SIGNS)
EW_PACKED_DSP(ew_packed1_2x3, ew_packed_dot1_2x3, 2, 3, EW_TOTAL_OF_SIGNS)

EW_INLINE uint32_t ew_packed_word(const void *p) {
  uint32_t v;
  memcpy(&v, __builtin_assume_aligned(p, 4), 4);
  return v;
}

/* offset * sum of each pixel of x[quad][pixel][4]. */
EW_NOINLINE void ew_packed_sums(const int16_t *x, int32_t *sums, int32_t quads, int32_t pixels, int32_t offset) {
  for (int32_t p = 0; p < pixels; p++) {
    const int16_t *q = x + 4 * p;
    int32_t a = 0;
    for (int32_t i = quads; i > 0; i--, q += 4 * pixels) {
      __asm("smlad %0, %1, %2, %0" : "+r"(a) : "r"(ew_packed_word(q)), "r"(0x00010001));
      __asm("smlad %0, %1, %2, %0" : "+r"(a) : "r"(ew_packed_word(q + 2)), "r"(0x00010001));
    }
    sums[p] = a * offset;
  }
}

/* As ew_gather_any; the elements past the last are 0. */
EW_NOINLINE void ew_packed_gather_any(const void *const *rows, int16_t *x, int32_t column, int32_t pixels,
                                      int32_t stride, int32_t channel, const ew_window *w, int32_t depth) {
  memset((int8_t *)(x + depth * pixels) + depth - 4, 0, 4);
  ew_gather_any(rows, x, column, pixels, stride, channel, w, depth);
}

/* Receptive fields of some neighbouring output pixels as unsigned bytes (x + 128): x[quad][pixel][4]. Elements
 * past the last are 128. `depth`: elements, rounded up to a multiple of 16; a field is lined up behind x. */
EW_NOINLINE void ew_packed_gather_signs(const void *const *rows, uint8_t *x, int32_t column, int32_t pixels,
                                        int32_t stride, int32_t channel, const ew_window *w, int32_t depth) {
  uint8_t *line = x + depth * pixels;
  memset(line + depth - 16, 0, 16);
  for (int32_t p = 0; p < pixels; p++, column += stride) {
    ew_line_up(rows, (int8_t *)line, column, channel, w);
    uint8_t *d = x + 4 * p;
    for (const uint8_t *q = line; q != line + depth; q += 4, d += 4 * pixels) {
      uint32_t v = ew_packed_word(q) ^ 0x80808080u;
      memcpy(__builtin_assume_aligned(d, 4), &v, 4);
    }
  }
}
#endif
