/* Tiles for Armv7E-M and Armv8-M with DSP: SXTB16 and SMLAD, two MAC an instruction.
 * Assembler, because the accumulators, two weight words and one pixel fill the 14 registers and the
 * compiler spills. w, x, k and acc are 4-byte aligned; the int8 x of ew_dot_4x1 is not. */
#ifndef EW_DOT_DSP_H
#define EW_DOT_DSP_H
#include "ew_tile.h"

#define EW_NAKED static __attribute__((naked, noinline, unused))
#define EW_UNUSED __attribute__((unused))

/* Entry of all: r0 w, r1 x, r2 k, r3 out or acc, then on the stack: quads, stride, zero point.
 * Frame: [sp] end of the odd steps, [sp, 4] end of w, [sp, 8] k, [sp, 12] out, [sp, 56] stride,
 * [sp, 60] zero point. */
#define EW_DOT_ENTER(bytes_log2, start)                                                           \
  "push {r2-r11, lr}\n ldr r12, [sp, #44]\n add lr, r0, r12, lsl #" bytes_log2 "\n"               \
  "and r12, r12, #3\n add r12, r0, r12, lsl #" bytes_log2 "\n push {r12, lr}\n"                   \
  start "cmp r0, r12\n beq 2f\n"
#define EW_DOT_LOOPS(step)                                                                        \
  "1:\n" step "ldr r12, [sp]\n cmp r0, r12\n bne 1b\n"                                            \
  "2:\n ldr r12, [sp, #4]\n cmp r0, r12\n beq 4f\n"                                               \
  "3:\n" step step step step "ldr r12, [sp, #4]\n cmp r0, r12\n bne 3b\n4:\n"
#define EW_DOT_LEAVE "add sp, #16\n pop {r4-r11, pc}\n"
#define EW_DOT_STORE(accumulators) "ldr r3, [sp, #12]\n stmia r3, {" accumulators "}\n" EW_DOT_LEAVE

#define EW_BIAS_1 "ldmia r2, {r4, r5}\n"
#define EW_BIAS_2 EW_BIAS_1 "mov r6, r4\n mov r7, r5\n"
#define EW_BIAS_3 EW_BIAS_2 "mov r8, r4\n mov r9, r5\n"

#define EW_DOT_WEIGHTS                                                                            \
  "ldmia r0!, {r2, r3}\n sxtb16 r10, r2\n sxtb16 r2, r2, ror #8\n"                                \
  "sxtb16 r11, r3\n sxtb16 r3, r3, ror #8\n"
#define EW_DOT_PIXEL(a, b)                                                                        \
  "ldmia r1!, {r12, lr}\n"                                                                        \
  "smlad " a ", r10, r12, " a "\n smlad " b ", r11, r12, " b "\n"                                 \
  "smlad " a ", r2, lr, " a "\n smlad " b ", r3, lr, " b "\n"
#define EW_STEP_1 EW_DOT_WEIGHTS EW_DOT_PIXEL("r4", "r5")
#define EW_STEP_2 EW_STEP_1 EW_DOT_PIXEL("r6", "r7")
#define EW_STEP_3 EW_STEP_2 EW_DOT_PIXEL("r8", "r9")

/* Requantization in registers: r10, r11 multipliers, r12, lr right shifts less 1, r1 out, r2 stride.
 * SMMULR(2a, m) is the doubling high multiply for |a| < 2^30; (x + 2^(s-1)) >> s is ((x >> (s-1)) + 1) >> 1. */
#define EW_FINISH_LOAD(constant)                                                                  \
  "ldr r0, [sp, #8]\n ldr r1, [sp, #12]\n ldr r2, [sp, #56]\n" constant                           \
  "add r0, #8\n ldmia r0, {r10-r12, lr}\n"

/* Zero point -128, clamp [-128, 127]: see ew_requantize_relu. */
#define EW_RELU_1(a, m, s)                                                                        \
  "lsl " a ", #1\n smmulr " a ", " a ", " m "\n asr " a ", " s "\n add " a ", #1\n"               \
  "usat " a ", #8, " a ", asr #1\n"
#define EW_RELU(a, b, address)                                                                    \
  EW_RELU_1(a, "r10", "r12") EW_RELU_1(b, "r11", "lr")                                            \
  "orr " a ", " a ", " b ", lsl #8\n eor " a ", r3\n strh " a ", [" address "]\n"
#define EW_RELU_LOAD EW_FINISH_LOAD("movw r3, #0x8080\n")

/* Clamp [-128, 127], any zero point (r3). */
#define EW_LINEAR_1(a, m, s)                                                                      \
  "lsl " a ", #1\n smmulr " a ", " a ", " m "\n add " a ", " a ", " a ", asr #31\n"               \
  "asr " a ", " s "\n add " a ", #1\n add " a ", r3, " a ", asr #1\n ssat " a ", #8, " a "\n"
#define EW_LINEAR(a, b, address)                                                                  \
  EW_LINEAR_1(a, "r10", "r12") EW_LINEAR_1(b, "r11", "lr")                                        \
  "bfi " a ", " b ", #8, #24\n strh " a ", [" address "]\n"
#define EW_LINEAR_LOAD EW_FINISH_LOAD("ldr r3, [sp, #60]\n")

#define EW_STORE_1(F) F("r4", "r5", "r1")
#define EW_STORE_2(F) EW_STORE_1(F) F("r6", "r7", "r1, r2")
#define EW_STORE_3(F) EW_STORE_2(F) F("r8", "r9", "r1, r2, lsl #1")

#define EW_TILE_DSP(PIXELS, NAME, LOAD, FINISH)                                                   \
  EW_NAKED void NAME(const int8_t *w EW_UNUSED, const int16_t *x EW_UNUSED, const int32_t *k EW_UNUSED, \
                     int8_t *out EW_UNUSED, int32_t quads EW_UNUSED, int32_t stride EW_UNUSED,    \
                     int32_t zero_point EW_UNUSED) {                                              \
    __asm volatile(EW_DOT_ENTER("3", EW_BIAS_##PIXELS) EW_DOT_LOOPS(EW_STEP_##PIXELS)             \
                       LOAD EW_STORE_##PIXELS(FINISH) EW_DOT_LEAVE);                              \
  }
EW_TILE_DSP(1, ew_tile_2x1_relu, EW_RELU_LOAD, EW_RELU)
EW_TILE_DSP(2, ew_tile_2x2_relu, EW_RELU_LOAD, EW_RELU)
EW_TILE_DSP(3, ew_tile_2x3_relu, EW_RELU_LOAD, EW_RELU)
EW_TILE_DSP(1, ew_tile_2x1_linear, EW_LINEAR_LOAD, EW_LINEAR)
EW_TILE_DSP(2, ew_tile_2x2_linear, EW_LINEAR_LOAD, EW_LINEAR)
EW_TILE_DSP(3, ew_tile_2x3_linear, EW_LINEAR_LOAD, EW_LINEAR)

/* The accumulators alone, for the other requantizations. Arguments: w, x, bias, acc, quads. */
#define EW_DOT_DSP(NAME, TYPE, LOG2, START, LOOPS, ACCUMULATORS)                                  \
  EW_NAKED void NAME(const int8_t *w EW_UNUSED, const TYPE *x EW_UNUSED, const int32_t *bias EW_UNUSED, \
                     int32_t *acc EW_UNUSED, int32_t quads EW_UNUSED) {                           \
    __asm volatile(EW_DOT_ENTER(LOG2, START) LOOPS EW_DOT_STORE(ACCUMULATORS));                   \
  }
EW_DOT_DSP(ew_dot_2x1, int16_t, "3", EW_BIAS_1, EW_DOT_LOOPS(EW_STEP_1), "r4-r5")
EW_DOT_DSP(ew_dot_2x2, int16_t, "3", EW_BIAS_2, EW_DOT_LOOPS(EW_STEP_2), "r4-r7")
EW_DOT_DSP(ew_dot_2x3, int16_t, "3", EW_BIAS_3, EW_DOT_LOOPS(EW_STEP_3), "r4-r9")

/* Four channels of a pixel. Single loads behind one another take one cycle each, so no LDM; lr is the
 * end of w. */
#define EW_DOT_CHANNEL(word, a)                                                                   \
  "sxtb16 r12, " word "\n sxtb16 " word ", " word ", ror #8\n"                                    \
  "smlad " a ", r12, r3, " a "\n smlad " a ", " word ", r2, " a "\n"
#define EW_QUAD_4X1(at)                                                                           \
  "ldr r2, [r1], #4\n ldr r8, [r0, #" at "]\n ldr r9, [r0, #" at "+4]\n"                          \
  "ldr r10, [r0, #" at "+8]\n ldr r11, [r0, #" at "+12]\n"                                        \
  "sxtb16 r3, r2\n sxtb16 r2, r2, ror #8\n"                                                       \
  EW_DOT_CHANNEL("r8", "r4") EW_DOT_CHANNEL("r9", "r5") EW_DOT_CHANNEL("r10", "r6")               \
  EW_DOT_CHANNEL("r11", "r7")
#define EW_LOOPS_4X1                                                                              \
  "1:\n" EW_QUAD_4X1("0") "add r0, #16\n ldr r12, [sp]\n cmp r0, r12\n bne 1b\n"                  \
  "2:\n cmp r0, lr\n beq 4f\n"                                                                    \
  "3:\n" EW_QUAD_4X1("0") EW_QUAD_4X1("16") EW_QUAD_4X1("32") EW_QUAD_4X1("48")                   \
  "add r0, #64\n cmp r0, lr\n bne 3b\n4:\n"
EW_DOT_DSP(ew_dot_4x1, int8_t, "4", "ldmia r2, {r4-r7}\n", EW_LOOPS_4X1, "r4-r7")

/* Requantization in registers: r8-r11 multipliers, r0, r1, r2, r12 right shifts less 1, lr out. All four
 * channels exist. */
#define EW_FINISH_LOAD_4X1                                                                        \
  "ldr r0, [sp, #8]\n ldr lr, [sp, #12]\n ldr r3, [sp, #56]\n add r0, #16\n"                      \
  "ldmia r0!, {r8-r11}\n ldmia r0, {r0-r2, r12}\n"
#define EW_RELU_4X1                                                                               \
  EW_RELU_1("r4", "r8", "r0") EW_RELU_1("r5", "r9", "r1")                                         \
  EW_RELU_1("r6", "r10", "r2") EW_RELU_1("r7", "r11", "r12")                                      \
  "orr r4, r4, r5, lsl #8\n orr r6, r6, r7, lsl #8\n orr r4, r4, r6, lsl #16\n"                   \
  "eor r4, #0x80808080\n str r4, [lr]\n"
#define EW_LINEAR_4X1                                                                             \
  EW_LINEAR_1("r4", "r8", "r0") EW_LINEAR_1("r5", "r9", "r1")                                     \
  EW_LINEAR_1("r6", "r10", "r2") EW_LINEAR_1("r7", "r11", "r12")                                  \
  "bfi r4, r5, #8, #24\n bfi r6, r7, #8, #24\n pkhbt r4, r4, r6, lsl #16\n str r4, [lr]\n"
#define EW_TILE_4X1_DSP(NAME, FINISH)                                                             \
  EW_NAKED void NAME(const int8_t *w EW_UNUSED, const int8_t *x EW_UNUSED, const int32_t *k EW_UNUSED, \
                     int8_t *out EW_UNUSED, int32_t quads EW_UNUSED, int32_t zero_point EW_UNUSED) { \
    __asm volatile(EW_DOT_ENTER("4", "ldmia r2, {r4-r7}\n") EW_LOOPS_4X1 EW_FINISH_LOAD_4X1 FINISH \
                       EW_DOT_LEAVE);                                                             \
  }
EW_TILE_4X1_DSP(ew_tile_4x1_relu, EW_RELU_4X1)
EW_TILE_4X1_DSP(ew_tile_4x1_linear, EW_LINEAR_4X1)

EW_TILES(1)
EW_TILES(2)
EW_TILES(3)
EW_TILES_4X1
#endif
