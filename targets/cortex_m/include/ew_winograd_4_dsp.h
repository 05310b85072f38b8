/* The transforms of ew_winograd.h for tiles of 4 x 4 in assembler, as the compiler spills: functions for one shape,
 * whose distances are literals that fit their instructions. */
#ifndef EW_WINOGRAD_4_DSP_H
#define EW_WINOGRAD_4_DSP_H
#include "ew_winograd.h"

#if defined(__ARM_FEATURE_DSP)
#define EW_NAKED_FUNCTION static __attribute__((naked, noinline, unused)) void

/* A of a line of sums: r3-r8 and four free registers to x0, x1, x2, x3. */
#define EW_WINOGRAD_A_4(p, q, r, s, x0, x1, x2, x3)                                                \
  "add " p ", r4, r5\n sub " q ", r5, r4\n add " r ", r6, r7\n sub " s ", r6, r7\n"               \
  "add r3, r3, " r "\n sub " x0 ", r3, " p ", lsl #2\n add " x1 ", " s ", " q ", lsl #1\n"         \
  "sub " x2 ", " r ", " p "\n add " x3 ", " q ", " s ", lsl #1\n add " x3 ", " x3 ", r8\n"

/* Column j of the sums, to the stack. */
#define EW_WINOGRAD_SUMS_4(j, more)                                                                \
  "ldr r3, [r0, #32*" #j "]\n ldr r4, [r0, #32*" #j "+192]\n ldr r5, [r0, #32*" #j "+384]\n"       \
  "ldr r6, [r0, #32*" #j "+576]\n ldr r7, [r0, #32*" #j "+768]\n ldr r8, [r0, #32*" #j "+960]\n"  \
  more EW_WINOGRAD_A_4("r9", "r10", "r11", "r12", "r3", "r4", "r5", "r6")                          \
  "str r3, [sp, #4*" #j "]\n str r4, [sp, #4*" #j "+24]\n"                                         \
  "str r5, [sp, #4*" #j "+48]\n str r6, [sp, #4*" #j "+72]\n"

/* Twice the sum to int8, and stored. r9 inverse of 9, r10 multiplier, r11 shift, r12 addend; lr is free. */
#define EW_WINOGRAD_RELU(v, shift, at)                                                             \
  "mul " v ", " v ", r9\n asr " v ", #" #shift "\n smmlar " v ", " v ", r10, r12\n"               \
  "asr " v ", r11\n ssat " v ", #8, " v "\n strb " v ", [r2, #" at "]\n"
#define EW_WINOGRAD_LINEAR(v, shift, at)                                                           \
  "mul " v ", " v ", r9\n asr " v ", #" #shift "\n add lr, r12, " v ", asr #31\n"                 \
  "smmlar " v ", " v ", r10, lr\n asr " v ", r11\n ssat " v ", #8, " v "\n strb " v ", [r2, #" at "]\n"
/* A row of outputs; what they come times is 9 << (a + 1), 9 << (b + 1), 9 << (c + 1) and the same. */
#define EW_WINOGRAD_ROW_4(REQUANTIZE, a, b, c, COLUMN)                                             \
  "pop {r3-r8}\n" EW_WINOGRAD_A_4("r0", "r4", "r1", "r6", "r3", "r5", "r1", "r4")                  \
  REQUANTIZE("r3", a, "0") REQUANTIZE("r5", b, #COLUMN)                                            \
  REQUANTIZE("r1", c, "2*" #COLUMN) REQUANTIZE("r4", c, "3*" #COLUMN)
#define EW_WINOGRAD_NEXT_ROW(ROW) "movw r0, #" #ROW "\n add r2, r0\n"
#define EW_WINOGRAD_TWICE_4(REQUANTIZE, ROW, COLUMN)                                               \
  "movw r9, #0x8e39\n movt r9, #0x38e3\n"                                                         \
  EW_WINOGRAD_ROW_4(REQUANTIZE, 5, 4, 3, COLUMN) EW_WINOGRAD_NEXT_ROW(ROW)                         \
  EW_WINOGRAD_ROW_4(REQUANTIZE, 4, 3, 2, COLUMN) EW_WINOGRAD_NEXT_ROW(ROW)                         \
  EW_WINOGRAD_ROW_4(REQUANTIZE, 3, 2, 1, COLUMN) EW_WINOGRAD_NEXT_ROW(ROW)                         \
  EW_WINOGRAD_ROW_4(REQUANTIZE, 3, 2, 1, COLUMN)

/* Steps that were found for the sums as they are: r9 to r11 multipliers of columns, each doubled for the next column
 * and row as far as what the sums come times is halved, r12 addend, lr what negative sums add to it; r7 is free. */
#define EW_WINOGRAD_STEP_RELU(v, m, at)                                                            \
  "smmla " v ", " v ", " #m ", r12\n ssat " v ", #8, " v ", asr #ew_shift\n strb " v ", [r2, #" at "]\n"
#define EW_WINOGRAD_STEP_LINEAR(v, m, at)                                                          \
  "and r7, lr, " v ", asr #31\n add r7, r12\n smmla " v ", " v ", " #m ", r7\n"                   \
  "ssat " v ", #8, " v ", asr #ew_shift\n strb " v ", [r2, #" at "]\n"
#define EW_WINOGRAD_DOUBLE "lsl r9, #1\n lsl r10, #1\n lsl r11, #1\n"
#define EW_WINOGRAD_STEPS_4(REQUANTIZE, ROW, COLUMN)                                               \
  "mov lr, r11\n mov r9, r10\n lsl r10, #1\n lsl r11, r10, #1\n"                                 \
  EW_WINOGRAD_ROW_4(REQUANTIZE, r9, r10, r11, COLUMN) EW_WINOGRAD_NEXT_ROW(ROW) EW_WINOGRAD_DOUBLE \
  EW_WINOGRAD_ROW_4(REQUANTIZE, r9, r10, r11, COLUMN) EW_WINOGRAD_NEXT_ROW(ROW) EW_WINOGRAD_DOUBLE \
  EW_WINOGRAD_ROW_4(REQUANTIZE, r9, r10, r11, COLUMN) EW_WINOGRAD_NEXT_ROW(ROW)                    \
  EW_WINOGRAD_ROW_4(REQUANTIZE, r9, r10, r11, COLUMN)

/* All four rows, by form. */
#define EW_WINOGRAD_ROWS_4(FORM, ROW, COLUMN) EW_WINOGRAD_ROWS_4_##FORM(ROW, COLUMN)
#define EW_WINOGRAD_ROWS_4_relu(ROW, COLUMN) EW_WINOGRAD_TWICE_4(EW_WINOGRAD_RELU, ROW, COLUMN)
#define EW_WINOGRAD_ROWS_4_linear(ROW, COLUMN) EW_WINOGRAD_TWICE_4(EW_WINOGRAD_LINEAR, ROW, COLUMN)
#define EW_WINOGRAD_ROWS_4_step_relu(ROW, COLUMN) EW_WINOGRAD_STEPS_4(EW_WINOGRAD_STEP_RELU, ROW, COLUMN)
#define EW_WINOGRAD_ROWS_4_step_linear(ROW, COLUMN) EW_WINOGRAD_STEPS_4(EW_WINOGRAD_STEP_LINEAR, ROW, COLUMN)

/* Outputs of lanes / 2 tiles in two channels, each as ew_winograd_finish does it: sums r0, of the first lane, k r1,
 * places [tiles] in y r2, lanes r3, y. An odd number of lanes left means the second channel. Frame: the arguments for
 * the next lane. */
#define EW_WINOGRAD_FINISH_4(NAME, FORM, SHIFT, ROW, COLUMN)                                        \
  EW_NAKED_FUNCTION NAME(const int32_t *sums EW_UNUSED_ARGUMENT,                                   \
                         const ew_winograd_channel *k EW_UNUSED_ARGUMENT,                          \
                         const int32_t *places EW_UNUSED_ARGUMENT, int32_t lanes EW_UNUSED_ARGUMENT, \
                         int8_t *y EW_UNUSED_ARGUMENT) {                                           \
    __asm volatile(".set ew_shift, " #SHIFT "\n push {r0-r11, lr}\n 1:\n sub sp, #96\n"           \
                   EW_WINOGRAD_SUMS_4(0, "") EW_WINOGRAD_SUMS_4(1, "ldr r9, [r1]\n add r4, r9\n")  \
                   EW_WINOGRAD_SUMS_4(2, "") EW_WINOGRAD_SUMS_4(3, "")                             \
                   EW_WINOGRAD_SUMS_4(4, "") EW_WINOGRAD_SUMS_4(5, "")                             \
                   "add r1, #4\n ldmia r1, {r10-r12}\n ldr r9, [sp, #108]\n ldr lr, [sp, #148]\n ldr r2, [r2]\n" \
                   "and r9, #1\n add r2, lr\n add r2, r9\n" EW_WINOGRAD_ROWS_4(FORM, ROW, COLUMN)      \
                   "ldmia sp, {r0-r3}\n add r0, #4\n sub r3, #1\n tst r3, #1\n ite ne\n"           \
                   "addne r1, #16\n subeq r1, #16\n it eq\n addeq r2, #4\n stmia sp, {r0-r3}\n"  \
                   "cmp r3, #0\n bne 1b\n pop {r0-r11, pc}\n");                                   \
  }

/* B of r3-r8, in place but for point 1, which is in r9; r10-r12 and lr are used too. */
#define EW_WINOGRAD_POINTS_4                                                                       \
  "ssub16 r9, r6, r4\n ssub16 r10, r7, r5\n"   /* c = d3 - d1, e = d4 - d2 */                      \
  "ssub16 r3, r3, r5\n ssub16 r8, r8, r6\n"    /* d0 - d2, d5 - d3 */                              \
  "sadd16 r4, r4, r4\n sadd16 r5, r5, r5\n sadd16 r3, r3, r3\n sadd16 r9, r9, r9\n"               \
  "sadd16 r4, r4, r4\n sadd16 r5, r5, r5\n sadd16 r3, r3, r3\n sadd16 r11, r9, r9\n"              \
  "ssub16 r12, r6, r4\n ssub16 lr, r7, r5\n"   /* a, b */                                          \
  "sadd16 r3, r3, r10\n ssub16 r8, r8, r11\n"                                                      \
  "sadd16 r6, r10, r9\n ssub16 r7, r10, r9\n sadd16 r4, lr, r12\n ssub16 r5, lr, r12\n"

/* As ew_winograd_tile, of both pairs of channels: from r0, v r1; bytes from line to line and from point to point. */
#define EW_WINOGRAD_TILE_4(NAME, LINE, STEP)                                                       \
  EW_NAKED_FUNCTION NAME(const uint32_t *from EW_UNUSED_ARGUMENT, uint32_t *v EW_UNUSED_ARGUMENT) { \
    __asm volatile("push {r1, r4-r11, lr}\n mov r2, #4\n 1:\n .set ew_i, 0\n .rept 3\n"             \
                   "ldr r3, [r0, #ew_i]\n ldr r4, [r0, #ew_i+4]\n ldr r5, [r0, #ew_i+8]\n"         \
                   "ldr r6, [r0, #ew_i+12]\n ldr r7, [r0, #ew_i+16]\n ldr r8, [r0, #ew_i+20]\n"    \
                   EW_WINOGRAD_POINTS_4                                                            \
                   "str r3, [r1]\n str r4, [r1, #" #STEP "]\n str r5, [r1, #2*" #STEP "]\n"        \
                   "add r1, r1, #3*" #STEP "\n"                                                    \
                   "str r6, [r1]\n str r7, [r1, #" #STEP "]\n str r8, [r1, #2*" #STEP "]\n"        \
                   "add r1, r1, #3*" #STEP "\n .set ew_i, ew_i+" #LINE "\n .endr\n"                \
                   "add r0, r0, #3*" #LINE "\n subs r2, #1\n beq 2f\n cmp r2, #2\n bne 1b\n"       \
                   "ldr r1, [sp]\n add r1, #16\n b 1b\n 2:\n pop {r1, r4-r11, pc}\n");             \
  }

/* As ew_winograd_columns: x r0, to r1, its end r2; bytes from row to row (one of the two ways to load them), of a
 * pixel, and from line to line. */
#define EW_WINOGRAD_COLUMNS_4(NAME, ROWS, ROW, PIXEL, LINE)                                        \
  EW_NAKED_FUNCTION NAME(const int8_t *x EW_UNUSED_ARGUMENT, uint32_t *to EW_UNUSED_ARGUMENT,      \
                         const uint32_t *end EW_UNUSED_ARGUMENT) {                                 \
    __asm volatile("push {r2, r4-r11, lr}\n movw r2, #" #ROW "\n 1:\n"                            \
                   ROWS(ROW) EW_WINOGRAD_BYTES_4("") EW_WINOGRAD_POINTS_4 EW_WINOGRAD_LINES_4(LINE) \
                   "add r1, r1, #6*" #LINE "\n"                                                    \
                   ROWS(ROW) EW_WINOGRAD_BYTES_4(", ror #8") EW_WINOGRAD_POINTS_4 EW_WINOGRAD_LINES_4(LINE) \
                   "ldr r3, [sp]\n sub r1, r1, #6*" #LINE "-4\n add r0, r0, #" #PIXEL "\n"         \
                   "cmp r1, r3\n bne 1b\n pop {r2, r4-r11, pc}\n");                               \
  }
#define EW_WINOGRAD_LITERAL_4(ROW)                                                                 \
  "ldr r3, [r0]\n ldr r4, [r0, #" #ROW "]\n ldr r5, [r0, #2*" #ROW "]\n ldr r6, [r0, #3*" #ROW "]\n" \
  "ldr r7, [r0, #4*" #ROW "]\n ldr r8, [r0, #5*" #ROW "]\n"
#define EW_WINOGRAD_REGISTER_4(ROW)                                                                \
  "add r12, r0, r2, lsl #1\n add r12, r2\n ldr r3, [r0]\n ldr r4, [r0, r2]\n"                     \
  "ldr r5, [r0, r2, lsl #1]\n ldr r6, [r12]\n ldr r7, [r12, r2]\n ldr r8, [r12, r2, lsl #1]\n"
#define EW_WINOGRAD_BYTES_4(rotation)                                                              \
  "sxtb16 r3, r3" rotation "\n sxtb16 r4, r4" rotation "\n sxtb16 r5, r5" rotation "\n"           \
  "sxtb16 r6, r6" rotation "\n sxtb16 r7, r7" rotation "\n sxtb16 r8, r8" rotation "\n"
#define EW_WINOGRAD_LINES_4(LINE)                                                                  \
  "str r3, [r1]\n str r4, [r1, #" #LINE "]\n str r5, [r1, #2*" #LINE "]\n"                        \
  "str r6, [r1, #3*" #LINE "]\n str r7, [r1, #4*" #LINE "]\n str r8, [r1, #5*" #LINE "]\n"

/* G of r3-r5: r3, r7, r6, r10, r9, r8; r4, r5 and r11 are lost. */
#define EW_WINOGRAD_G_4                                                                            \
  "sadd16 r6, r3, r5\n sadd16 r8, r5, r5\n sadd16 r7, r6, r4\n ssub16 r6, r6, r4\n"              \
  "sadd16 r9, r8, r8\n sadd16 r4, r4, r4\n sadd16 r8, r8, r9\n sadd16 r9, r3, r9\n"              \
  "sadd16 r3, r3, r3\n sadd16 r10, r9, r4\n ssub16 r9, r9, r4\n sadd16 r11, r3, r3\n"            \
  "sadd16 r3, r3, r11\n"
#define EW_WINOGRAD_TAPS_4(c, rotation)                                                            \
  "ldr r3, [r0, #4*" #c "]\n ldr r4, [r0, #4*" #c "+12]\n ldr r5, [r0, #4*" #c "+24]\n"           \
  "sxtb16 r3, r3" rotation "\n sxtb16 r4, r4" rotation "\n sxtb16 r5, r5" rotation "\n"          \
  EW_WINOGRAD_G_4 "str r3, [sp, #4*" #c "]\n str r7, [sp, #4*" #c "+12]\n"                        \
  "str r6, [sp, #4*" #c "+24]\n str r10, [sp, #4*" #c "+36]\n"                                    \
  "str r9, [sp, #4*" #c "+48]\n str r8, [sp, #4*" #c "+60]\n"
#define EW_WINOGRAD_TAPS_ALL_4(rotation)                                                           \
  "sub sp, #72\n" EW_WINOGRAD_TAPS_4(0, rotation) EW_WINOGRAD_TAPS_4(1, rotation) EW_WINOGRAD_TAPS_4(2, rotation)

/* As ew_winograd_expand: w r0, its end r1, u r2 in steps of STEP bytes from point to point. lr tells the second
 * pair of four channels from the first. */
#define EW_WINOGRAD_EXPAND_4(NAME, STEP)                                                           \
  EW_NAKED_FUNCTION NAME(const uint32_t *w EW_UNUSED_ARGUMENT, const uint32_t *end EW_UNUSED_ARGUMENT, \
                         uint32_t *u EW_UNUSED_ARGUMENT) {                                         \
    __asm volatile("push {r4-r11, lr}\n 1:\n mov lr, #0\n" EW_WINOGRAD_TAPS_ALL_4("")              \
                   "2:\n mov r12, r2\n .rept 6\n pop {r3-r5}\n" EW_WINOGRAD_G_4                   \
                   "str r3, [r2]\n str r7, [r2, #" #STEP "]\n str r6, [r2, #2*" #STEP "]\n"        \
                   "str r10, [r2, #3*" #STEP "]\n str r9, [r2, #4*" #STEP "]\n"                   \
                   "str r8, [r2, #5*" #STEP "]\n add r2, r2, #6*" #STEP "\n .endr\n"              \
                   "add r2, r12, #8\n cmp lr, #0\n bne 3f\n"                                               \
                   "mov lr, #1\n" EW_WINOGRAD_TAPS_ALL_4(", ror #8") "b 2b\n"                      \
                   "3:\n add r0, #36\n cmp r0, r1\n bne 1b\n pop {r4-r11, pc}\n");                \
  }
#else
#define EW_FORM_relu EW_FORM_RELU
#define EW_FORM_linear EW_FORM_LINEAR
#define EW_FORM_step_relu EW_FORM_STEP_RELU
#define EW_FORM_step_linear EW_FORM_STEP_LINEAR
#define EW_WINOGRAD_FINISH_4(NAME, FORM, SHIFT, ROW, COLUMN)                                        \
  EW_NOINLINE void NAME(const int32_t *sums, const ew_winograd_channel *k, const int32_t *places, \
                        int32_t lanes, int8_t *y) {                                                \
    const int32_t output[] = {0, 0, 0, SHIFT};                                                     \
    for (int32_t lane = 0; lane < lanes; lane++)                                                   \
      ew_winograd_finish(4, EW_FORM_##FORM, sums + lane, k[lane & 1], output,                      \
                         y + places[lane >> 1] + (lane & 1), ROW, COLUMN);                         \
  }
#define EW_WINOGRAD_TILE_4(NAME, LINE, STEP)                                                       \
  EW_NOINLINE void NAME(const uint32_t *from, uint32_t *v) {                                         \
    ew_winograd_tile(4, from, LINE / 4, v, STEP / 4);                                              \
    ew_winograd_tile(4, from + 6 * (LINE / 4), LINE / 4, v + 4, STEP / 4);                         \
  }
#define EW_WINOGRAD_COLUMNS_4(NAME, ROWS, ROW, PIXEL, LINE)                                        \
  EW_NOINLINE void NAME(const int8_t *x, uint32_t *to, const uint32_t *end) {                        \
    ew_winograd_columns(4, x, ROW, PIXEL, (int32_t)(end - to), to, LINE / 4);                      \
  }
#define EW_WINOGRAD_EXPAND_4(NAME, STEP)                                                           \
  EW_NOINLINE void NAME(const uint32_t *w, const uint32_t *end, uint32_t *u) {                     \
    for (; w != end; w += 9, u += 4) ew_winograd_expand(4, w, u, STEP / 4);                        \
  }
#endif
#endif
