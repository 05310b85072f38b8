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
 */
#ifndef EW_PACKED_DSP_H
#define EW_PACKED_DSP_H
#include "ew_dot_dsp.h"
#include "ew_gather.h"
#include "ew_packed_tile.h"

/* Codes of 4 and 2 bits. Entry: r0 w, r1 x, r2 acc or sums, r3 quads or k; r12 becomes the quads.
 * Frame: [sp] end of the odd quads, [sp, 4] end of w, [sp, 8] acc or sums, [sp, 12] k; behind eight saved
 * registers and the return address [sp, 52] out, [sp, 56] quads, [sp, 60] stride, [sp, 64] the last argument.
 * r12 weights, lr codes of a channel, r2 and r3 a pair of inputs of each pixel; x[quad][pixel][4] as ew_gather
 * makes it. Loads without write-back stand behind one another: each but the first takes one cycle. */
#define EW_CODES_ENTER(quads, log2)                                                               \
  "push {r2-r11, lr}\n" quads "add lr, r0, r12, lsl #" log2 "\n and r12, r12, #3\n"               \
  "add r12, r0, r12, lsl #" log2 "\n push {r12, lr}\n"
#define EW_CODES_LOOPS(STEP, w_step, x_step)                                                      \
  "ldr r12, [sp]\n cmp r0, r12\n beq 2f\n"                                                        \
  "1:\n" STEP("0", "0") "add r1, #" x_step "\n add r0, #" w_step "\n ldr r12, [sp]\n cmp r0, r12\n bne 1b\n" \
  "2:\n ldr r12, [sp, #4]\n cmp r0, r12\n beq 4f\n"                                              \
  "3:\n" STEP("0", "0") STEP(w_step, x_step) STEP("2*" w_step, "2*" x_step) STEP("3*" w_step, "3*" x_step) \
  "add r1, #4*" x_step "\n add r0, #4*" w_step "\n ldr r12, [sp, #4]\n cmp r0, r12\n bne 3b\n4:\n"
#define EW_CODES_LEAVE "add sp, #16\n pop {r4-r11, pc}\n"

#define EW_CODE_2(mask, a, b)                                                                     \
  "and lr, r12, #" mask "\n smlad " a ", lr, r2, " a "\n smlad " b ", lr, r3, " b "\n"
#define EW_CODE_1(mask, a, b) "and lr, r12, #" mask "\n smlad " a ", lr, r2, " a "\n"
#define EW_CODES_4(CODE)                                                                          \
  CODE("0x000f000f", "r4", "r8") CODE("0x00f000f0", "r5", "r9") "lsr r12, #8\n"                   \
  CODE("0x000f000f", "r6", "r10") CODE("0x00f000f0", "r7", "r11")
#define EW_CODES_2(CODE)                                                                          \
  CODE("0x00030003", "r4", "r8") CODE("0x000c000c", "r5", "r9")                                   \
  CODE("0x00300030", "r6", "r10") CODE("0x00c000c0", "r7", "r11")
#define EW_LOAD_2(at, p) "ldr r2, [r1, #" at "+" p "]\n ldr r3, [r1, #" at "+8+" p "]\n"
#define EW_LOAD_1(at, p) "ldr r2, [r1, #" at "+" p "]\n"

#define EW_QUAD_4(LOAD, CODE, w, x)                                                               \
  "ldr r12, [r0, #" w "]\n" LOAD(x, "0") EW_CODES_4(CODE)                                         \
  "ldr r12, [r0, #" w "+4]\n" LOAD(x, "4") EW_CODES_4(CODE)
#define EW_QUAD_2(LOAD, CODE, w, x)                                                               \
  "ldr r12, [r0, #" w "]\n" LOAD(x, "0") EW_CODES_2(CODE) LOAD(x, "4") "lsr r12, #8\n" EW_CODES_2(CODE)
#define EW_QUAD_4_2(w, x) EW_QUAD_4(EW_LOAD_2, EW_CODE_2, w, x)
#define EW_QUAD_4_1(w, x) EW_QUAD_4(EW_LOAD_1, EW_CODE_1, w, x)
#define EW_QUAD_2_2(w, x) EW_QUAD_2(EW_LOAD_2, EW_CODE_2, w, x)
#define EW_QUAD_2_1(w, x) EW_QUAD_2(EW_LOAD_1, EW_CODE_1, w, x)
#define EW_LOOPS_4_2 EW_CODES_LOOPS(EW_QUAD_4_2, "8", "16")
#define EW_LOOPS_4_1 EW_CODES_LOOPS(EW_QUAD_4_1, "8", "8")
#define EW_LOOPS_2_2 EW_CODES_LOOPS(EW_QUAD_2_2, "4", "16")
#define EW_LOOPS_2_1 EW_CODES_LOOPS(EW_QUAD_2_1, "4", "8")

#define EW_ZERO_1 "movs r4, #0\n movs r5, #0\n movs r6, #0\n movs r7, #0\n"
#define EW_ZERO_2 EW_ZERO_1 "mov r8, r4\n mov r9, r4\n mov r10, r4\n mov r11, r4\n"
#define EW_SHIFT_4_1 "asr r5, #4\n asr r7, #4\n"
#define EW_SHIFT_4_2 EW_SHIFT_4_1 "asr r9, #4\n asr r11, #4\n"
#define EW_SHIFT_2_1 "asr r5, #2\n asr r6, #4\n asr r7, #6\n"
#define EW_SHIFT_2_2 EW_SHIFT_2_1 "asr r9, #2\n asr r10, #4\n asr r11, #6\n"

/* The sums of products with codes alone: acc[pixel][4]. */
#define EW_CODES_DOT(BITS, LOG2, PIXELS, ACCUMULATORS)                                            \
  EW_NAKED void ew_packed_dot##BITS##_4x##PIXELS(const uint32_t *w EW_UNUSED, const void *x EW_UNUSED, \
                                                 int32_t *acc EW_UNUSED, int32_t quads EW_UNUSED) { \
    __asm volatile(EW_CODES_ENTER("mov r12, r3\n", LOG2) EW_ZERO_##PIXELS EW_LOOPS_##BITS##_##PIXELS \
                       EW_SHIFT_##BITS##_##PIXELS "ldr r12, [sp, #8]\n stmia r12, {" ACCUMULATORS "}\n" \
                       EW_CODES_LEAVE);                                                           \
  }
EW_CODES_DOT(4, "3", 1, "r4-r7")
EW_CODES_DOT(4, "3", 2, "r4-r11")
EW_CODES_DOT(2, "2", 1, "r4-r7")
EW_CODES_DOT(2, "2", 2, "r4-r11")
#define EW_CODES_TILES(BITS, PIXELS) \
  EW_PACKED_TILES(ew_packed##BITS##_4x##PIXELS, ew_packed_dot##BITS##_4x##PIXELS, 4, PIXELS)
EW_CODES_TILES(4, 1)
EW_CODES_TILES(4, 2)
EW_CODES_TILES(2, 1)
EW_CODES_TILES(2, 2)

/* Requantization in registers, of all four channels, right shifts less 1. Twice the accumulator is what
 * SMMULR takes (ew_dot_dsp.h): bias and sums come doubled, and the shift of a channel's codes, its step and the
 * doubling are one. r0 twice the bias, r1 multiplier, r2 shift, r3 k, r12 and lr twice the sums. */
#define EW_CODES_RELU(a) "smmulr " a ", " a ", r1\n asr " a ", r2\n add " a ", #1\n usat " a ", #8, " a ", asr #1\n"
/* r0 is twice the zero point, and 1: zero + ((v + 1) >> 1) = (v + 2 zero + 1) >> 1. */
#define EW_CODES_LINEAR(a)                                                                        \
  "smmulr " a ", " a ", r1\n add " a ", " a ", " a ", asr #31\n asr " a ", r2\n add " a ", r0\n"  \
  "ssat " a ", #8, " a ", asr #1\n"
#define EW_CODES_RELU_LOAD
#define EW_CODES_LINEAR_LOAD "ldr r0, [sp, #64]\n"
#define EW_CODES_LOAD(at) "ldr r0, [r3, #" at "]\n ldr r1, [r3, #16+" at "]\n ldr r2, [r3, #32+" at "]\n"
#define EW_FINISH_CODES_1(FORM, at, shift, a, b)                                                  \
  EW_CODES_LOAD(at) "add " a ", r0, " a ", " shift "\n add " a ", r12\n" EW_CODES_##FORM##_LOAD EW_CODES_##FORM(a)
#define EW_FINISH_CODES_2(FORM, at, shift, a, b)                                                  \
  EW_CODES_LOAD(at) "add " a ", r0, " a ", " shift "\n add " b ", r0, " b ", " shift "\n"          \
  "add " a ", r12\n add " b ", lr\n" EW_CODES_##FORM##_LOAD EW_CODES_##FORM(a) EW_CODES_##FORM(b)
#define EW_FINISH_CODES(PIXELS, FORM, s0, s1, s2, s3)                                             \
  EW_FINISH_CODES_##PIXELS(FORM, "0", s0, "r4", "r8") EW_FINISH_CODES_##PIXELS(FORM, "4", s1, "r5", "r9") \
  EW_FINISH_CODES_##PIXELS(FORM, "8", s2, "r6", "r10") EW_FINISH_CODES_##PIXELS(FORM, "12", s3, "r7", "r11")
#define EW_FINISH_int4(PIXELS, FORM) EW_FINISH_CODES(PIXELS, FORM, "lsl #1", "asr #3", "lsl #1", "asr #3")
#define EW_FINISH_int2(PIXELS, FORM) EW_FINISH_CODES(PIXELS, FORM, "lsl #2", "lsl #0", "asr #2", "asr #4")
#define EW_FINISH_ternary(PIXELS, FORM) EW_FINISH_CODES(PIXELS, FORM, "lsl #1", "asr #1", "asr #3", "asr #5")
#define EW_SUMS_1 "ldr r12, [sp, #8]\n ldr r3, [sp, #12]\n ldr r12, [r12]\n"
#define EW_SUMS_2 "ldr r12, [sp, #8]\n ldr r3, [sp, #12]\n ldrd r12, lr, [r12]\n"

#define EW_JOIN_RELU(a, b, c, d)                                                                  \
  "orr " a ", " a ", " b ", lsl #8\n orr " c ", " c ", " d ", lsl #8\n orr " a ", " a ", " c ", lsl #16\n" \
  "eor " a ", #0x80808080\n"
#define EW_JOIN_LINEAR(a, b, c, d)                                                                \
  "bfi " a ", " b ", #8, #24\n bfi " c ", " d ", #8, #24\n pkhbt " a ", " a ", " c ", lsl #16\n"
#define EW_STORE_CODES_1(FORM) "ldr r0, [sp, #52]\n" EW_JOIN_##FORM("r4", "r5", "r6", "r7") "str r4, [r0]\n"
#define EW_STORE_CODES_2(FORM)                                                                    \
  EW_STORE_CODES_1(FORM) "ldr r1, [sp, #60]\n" EW_JOIN_##FORM("r8", "r9", "r10", "r11") "str r8, [r0, r1]\n"

#define EW_CODES_TILE(NAME, BITS, FORMAT, LOG2, PIXELS, FORM)                                     \
  EW_NAKED void NAME(const uint32_t *w EW_UNUSED, const void *x EW_UNUSED, const int32_t *sums EW_UNUSED, \
                     const int32_t *k EW_UNUSED, int8_t *out EW_UNUSED, int32_t quads EW_UNUSED,  \
                     int32_t stride EW_UNUSED, int32_t zero EW_UNUSED) {                          \
    __asm volatile(EW_CODES_ENTER("ldr r12, [sp, #48]\n", LOG2) EW_ZERO_##PIXELS                  \
                       EW_LOOPS_##BITS##_##PIXELS EW_SUMS_##PIXELS EW_FINISH_##FORMAT(PIXELS, FORM) \
                           EW_STORE_CODES_##PIXELS(FORM) EW_CODES_LEAVE);                         \
  }
#define EW_CODES_FORMAT(FORMAT, BITS, LOG2)                                           \
  EW_CODES_TILE(ew_packed_##FORMAT##_4x1_relu, BITS, FORMAT, LOG2, 1, RELU)           \
  EW_CODES_TILE(ew_packed_##FORMAT##_4x2_relu, BITS, FORMAT, LOG2, 2, RELU)           \
  EW_CODES_TILE(ew_packed_##FORMAT##_4x1_linear, BITS, FORMAT, LOG2, 1, LINEAR)       \
  EW_CODES_TILE(ew_packed_##FORMAT##_4x2_linear, BITS, FORMAT, LOG2, 2, LINEAR)
EW_CODES_FORMAT(int4, 4, "3")
EW_CODES_FORMAT(int2, 2, "2")
EW_CODES_FORMAT(ternary, 2, "2")

/* Codes of 1 bit: arguments, frame and requantization are those of ew_dot_dsp.h. r10 the mask 0x01010101, r11
 * weights of both channels, r12 m, r2, r3, lr pixels. A word of w is two channels of four quads: in each byte
 * bit 2 * quad + channel. x[quad][pixel][4], unsigned. */
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
#define EW_SIGNS_LOOP(QUAD)                                                                       \
  "mov r10, #0x01010101\n 1:\n ldr r11, [r0], #4\n" QUAD("0", "1") QUAD("2", "3") QUAD("4", "5")  \
  QUAD("6", "7") "ldr r12, [sp, #4]\n cmp r0, r12\n bne 1b\n"
#define EW_SIGNS_ENTER(start) "push {r2-r11, lr}\n ldr r12, [sp, #44]\n add lr, r0, r12, lsl #2\n push {r12, lr}\n" start
#define EW_SIGNS_LOOP_1 EW_SIGNS_LOOP(EW_SIGNS_QUAD_1)
#define EW_SIGNS_LOOP_2 EW_SIGNS_LOOP(EW_SIGNS_QUAD_2)
#define EW_SIGNS_LOOP_3 EW_SIGNS_LOOP(EW_SIGNS_QUAD_3)

/* `words`: of a channel pair, at least 1. */
#define EW_SIGNS_TILE(NAME, PIXELS, LOAD, FINISH)                                                 \
  EW_NAKED void NAME(const uint32_t *w EW_UNUSED, const void *x EW_UNUSED, const int32_t *k EW_UNUSED, \
                     int8_t *out EW_UNUSED, int32_t words EW_UNUSED, int32_t stride EW_UNUSED,    \
                     int32_t zero_point EW_UNUSED) {                                              \
    __asm volatile(EW_SIGNS_ENTER(EW_BIAS_##PIXELS) EW_SIGNS_LOOP_##PIXELS LOAD                   \
                       EW_STORE_##PIXELS(FINISH) EW_DOT_LEAVE);                                   \
  }
#define EW_SIGNS_DOT(NAME, PIXELS, ACCUMULATORS)                                                  \
  EW_NAKED void NAME(const uint32_t *w EW_UNUSED, const void *x EW_UNUSED, const int32_t *bias EW_UNUSED, \
                     int32_t *acc EW_UNUSED, int32_t words EW_UNUSED) {                           \
    __asm volatile(EW_SIGNS_ENTER(EW_BIAS_##PIXELS) EW_SIGNS_LOOP_##PIXELS EW_DOT_STORE(ACCUMULATORS)); \
  }
/* The requantization of ew_tile.h, with other types of w and x. */
#define EW_SIGNS_OTHER(NAME, PIXELS, FINISH)                                                      \
  EW_NOINLINE void NAME(const uint32_t *w, const void *x, const int32_t *k, int8_t *out, int32_t words, \
                        int32_t stride, int32_t count, const ew_output *g) {                      \
    int32_t acc[2 * PIXELS];                                                                      \
    ew_packed_dot1_2x##PIXELS(w, x, k, acc, words);                                               \
    for (int32_t i = 0; i < count; i++)                                                           \
      for (int32_t p = 0; p < PIXELS; p++)                                                        \
        out[p * stride + i] = FINISH(acc[2 * p + i], k[2 + i], k[4 + i], g->zero_point, g->low, g->high); \
  }
#define EW_SIGNS(PIXELS, ACCUMULATORS)                                                  \
  EW_SIGNS_TILE(ew_packed_binary_2x##PIXELS##_relu, PIXELS, EW_RELU_LOAD, EW_RELU)      \
  EW_SIGNS_TILE(ew_packed_binary_2x##PIXELS##_linear, PIXELS, EW_LINEAR_LOAD, EW_LINEAR) \
  EW_SIGNS_DOT(ew_packed_dot1_2x##PIXELS, PIXELS, ACCUMULATORS)                         \
  EW_SIGNS_OTHER(ew_packed_binary_2x##PIXELS##_bounded, PIXELS, ew_requantize_bounded)  \
  EW_SIGNS_OTHER(ew_packed_binary_2x##PIXELS##_general, PIXELS, ew_requantize)          \
  EW_SIGNS_OTHER(ew_packed_binary_2x##PIXELS##_once, PIXELS, ew_requantize_once)        \
  EW_SIGNS_OTHER(ew_packed_binary_2x##PIXELS##_once_right, PIXELS, ew_requantize_once_right)
EW_SIGNS(1, "r4-r5")
EW_SIGNS(2, "r4-r7")
EW_SIGNS(3, "r4-r9")

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
