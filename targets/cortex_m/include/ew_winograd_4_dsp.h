/* The transforms of ew_winograd.h for tiles of 4 x 4 in assembler, as the compiler spills. */
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

/* Four outputs from r2 on in steps of r1; r2 ends two steps further. */
#define EW_WINOGRAD_ROW_4(REQUANTIZE, a, b, c)                                                     \
  "pop {r3-r8}\n" EW_WINOGRAD_A_4("r0", "r4", "r5", "r6", "r3", "r7", "r5", "r4")                  \
  REQUANTIZE("r3", a) "strb r3, [r2]\n" REQUANTIZE("r7", b) "strb r7, [r2, r1]\n add r2, r2, r1, lsl #1\n" \
  REQUANTIZE("r5", c) "strb r5, [r2]\n" REQUANTIZE("r4", c) "strb r4, [r2, r1]\n"
/* To the next row, after so many. */
#define EW_WINOGRAD_NEXT_ROW(rows) "ldr r0, [sp, #156-24*" #rows "]\n add r2, r0\n"

/* Twice the sum to int8, what it comes times is 9 << (shift + 1). r9 inverse of 9, r10 multiplier, r11 shift,
 * r12 addend; r0 is free. */
#define EW_WINOGRAD_RELU(v, shift)                                                                 \
  "mul " v ", " v ", r9\n asr " v ", #" #shift "\n smmlar " v ", " v ", r10, r12\n"               \
  "asr " v ", r11\n ssat " v ", #8, " v "\n"
#define EW_WINOGRAD_LINEAR(v, shift)                                                               \
  "mul " v ", " v ", r9\n asr " v ", #" #shift "\n add r0, r12, " v ", asr #31\n"                 \
  "smmlar " v ", " v ", r10, r0\n asr " v ", r11\n ssat " v ", #8, " v "\n"
#define EW_WINOGRAD_TWICE_4(REQUANTIZE)                                                            \
  "ldr r10, [r1, #4]\n ldr r11, [r1, #8]\n ldr r12, [r1, #12]\n ldr r1, [sp, #152]\n"             \
  "movw r9, #0x8e39\n movt r9, #0x38e3\n"                                                         \
  EW_WINOGRAD_ROW_4(REQUANTIZE, 5, 4, 3) EW_WINOGRAD_NEXT_ROW(1)                                   \
  EW_WINOGRAD_ROW_4(REQUANTIZE, 4, 3, 2) EW_WINOGRAD_NEXT_ROW(2)                                   \
  EW_WINOGRAD_ROW_4(REQUANTIZE, 3, 2, 1) EW_WINOGRAD_NEXT_ROW(3)                                   \
  EW_WINOGRAD_ROW_4(REQUANTIZE, 3, 2, 1)

/* Steps that were found for the sums as they are: r9 to r11 multipliers of columns, each doubled for the next column
 * and row as far as what the sums come times is halved, r12 addend, lr what negative sums add to it; r0 is free. */
#define EW_WINOGRAD_STEP_RELU(v, m) "smmla " v ", " v ", " #m ", r12\n ssat " v ", #8, " v ", asr #ew_shift\n"
#define EW_WINOGRAD_STEP_LINEAR(v, m)                                                              \
  "and r0, lr, " v ", asr #31\n add r0, r12\n smmla " v ", " v ", " #m ", r0\n"                   \
  "ssat " v ", #8, " v ", asr #ew_shift\n"
#define EW_WINOGRAD_STEPS_4(REQUANTIZE)                                                            \
  "ldr r9, [r1, #4]\n ldr lr, [r1, #8]\n ldr r12, [r1, #12]\n ldr r1, [sp, #152]\n"               \
  "lsl r10, r9, #1\n lsl r11, r9, #2\n"                                                            \
  EW_WINOGRAD_ROW_4(REQUANTIZE, r9, r10, r11) EW_WINOGRAD_NEXT_ROW(1) "lsl r9, r11, #1\n"          \
  EW_WINOGRAD_ROW_4(REQUANTIZE, r10, r11, r9) EW_WINOGRAD_NEXT_ROW(2) "lsl r10, r9, #1\n"          \
  EW_WINOGRAD_ROW_4(REQUANTIZE, r11, r9, r10) EW_WINOGRAD_NEXT_ROW(3)                              \
  EW_WINOGRAD_ROW_4(REQUANTIZE, r11, r9, r10)

/* All four rows, by form. */
#define EW_WINOGRAD_ROWS_4_relu EW_WINOGRAD_TWICE_4(EW_WINOGRAD_RELU)
#define EW_WINOGRAD_ROWS_4_linear EW_WINOGRAD_TWICE_4(EW_WINOGRAD_LINEAR)
#define EW_WINOGRAD_ROWS_4_step_relu EW_WINOGRAD_STEPS_4(EW_WINOGRAD_STEP_RELU)
#define EW_WINOGRAD_ROWS_4_step_linear EW_WINOGRAD_STEPS_4(EW_WINOGRAD_STEP_LINEAR)

/* Outputs of lanes / 2 tiles in two channels, each as ew_winograd_finish does it, from the last lane to the first:
 *   void NAME(sums, k, places [tiles] in y, y, lanes, column, row)
 * column: bytes to the next column, row: to the next row less two columns. An odd lane is the second channel.
 * Frame: sums, k, places, y, saved registers, lanes that are left, column, row. */
#define EW_WINOGRAD_FINISH_4(NAME, FORM, SHIFT)                                                    \
  EW_NAKED_FUNCTION NAME(const int32_t *sums EW_UNUSED_ARGUMENT,                                   \
                         const ew_winograd_channel *k EW_UNUSED_ARGUMENT,                          \
                         const int32_t *places EW_UNUSED_ARGUMENT, int8_t *y EW_UNUSED_ARGUMENT,   \
                         int32_t lanes EW_UNUSED_ARGUMENT, int32_t column EW_UNUSED_ARGUMENT,      \
                         int32_t row EW_UNUSED_ARGUMENT) {                                         \
    __asm volatile(".set ew_shift, " #SHIFT "\n push {r0-r11, lr}\n 1:\n"                          \
                   "ldr r4, [sp, #52]\n ldr r0, [sp]\n ldr r1, [sp, #4]\n ldr r2, [sp, #8]\n"      \
                   "ldr r3, [sp, #12]\n subs r4, #1\n bic r6, r4, #1\n and r5, r4, #1\n"           \
                   "add r0, r0, r4, lsl #2\n add r1, r1, r5, lsl #4\n ldr r2, [r2, r6, lsl #1]\n"  \
                   "str r4, [sp, #52]\n add r3, r5\n add r2, r3\n sub sp, #96\n"                   \
                   EW_WINOGRAD_SUMS_4(0, "") EW_WINOGRAD_SUMS_4(1, "ldr r9, [r1]\n add r4, r9\n")  \
                   EW_WINOGRAD_SUMS_4(2, "") EW_WINOGRAD_SUMS_4(3, "")                             \
                   EW_WINOGRAD_SUMS_4(4, "") EW_WINOGRAD_SUMS_4(5, "") EW_WINOGRAD_ROWS_4_##FORM   \
                   "ldr r3, [sp, #52]\n cmp r3, #0\n bne 1b\n add sp, #16\n pop {r4-r11, pc}\n");  \
  }

/* B of r3-r8, in place; r9-r11 are used too. */
#define EW_WINOGRAD_POINTS_4                                                                       \
  "ssub16 r9, r6, r4\n ssub16 r10, r7, r5\n"   /* c = d3 - d1, e = d4 - d2 */                      \
  "ssub16 r3, r3, r5\n ssub16 r8, r8, r6\n"    /* d0 - d2, d5 - d3 */                              \
  "sadd16 r4, r4, r4\n sadd16 r5, r5, r5\n sadd16 r3, r3, r3\n sadd16 r9, r9, r9\n"               \
  "sadd16 r4, r4, r4\n sadd16 r5, r5, r5\n sadd16 r3, r3, r3\n sadd16 r11, r9, r9\n"              \
  "ssub16 r6, r6, r4\n ssub16 r7, r7, r5\n"    /* a, b */                                          \
  "sadd16 r3, r3, r10\n ssub16 r8, r8, r11\n sadd16 r4, r7, r6\n ssub16 r5, r7, r6\n"             \
  "sadd16 r6, r10, r9\n ssub16 r7, r10, r9\n"

/* As ew_winograd_columns: x r0, to r1, its end r2, bytes from row to row r3, of a pixel [sp]. */
#define EW_WINOGRAD_HALF_4(rotation, at)                                                           \
  "add r11, r0, r2\n ldr r3, [r0]\n ldr r4, [r0, r2]\n ldr r5, [r0, r2, lsl #1]\n"                \
  "ldr r6, [r11, r2, lsl #1]\n ldr r7, [r0, r2, lsl #2]\n ldr r8, [r11, r2, lsl #2]\n"            \
  "sxtb16 r3, r3" rotation "\n sxtb16 r4, r4" rotation "\n sxtb16 r5, r5" rotation "\n"           \
  "sxtb16 r6, r6" rotation "\n sxtb16 r7, r7" rotation "\n sxtb16 r8, r8" rotation "\n"           \
  EW_WINOGRAD_POINTS_4                                                                             \
  "str r3, [r1, #" at "]\n str r4, [r1, #" at "+4]\n str r5, [r1, #" at "+8]\n"                   \
  "str r6, [r1, #" at "+12]\n str r7, [r1, #" at "+16]\n str r8, [r1, #" at "+20]\n"
EW_NAKED_FUNCTION ew_winograd_columns_4(const int8_t *x EW_UNUSED_ARGUMENT, uint32_t *to EW_UNUSED_ARGUMENT,
                                        const uint32_t *end EW_UNUSED_ARGUMENT, int32_t row_bytes EW_UNUSED_ARGUMENT,
                                        int32_t channels EW_UNUSED_ARGUMENT) {
  __asm volatile("push {r4-r11, lr}\n mov lr, r2\n mov r2, r3\n ldr r12, [sp, #36]\n 1:\n"        //
                 EW_WINOGRAD_HALF_4("", "0") EW_WINOGRAD_HALF_4(", ror #8", "24")
                 "add r1, #48\n add r0, r12\n cmp r1, lr\n bne 1b\n pop {r4-r11, pc}\n");
}

/* As ew_winograd_tile, of both pairs of channels and so many tiles: from r0, v r1; bytes that lie between four tiles and
 * the next four r2; tiles r3; those before them [sp]. r12 ends a tile, lr counts. */
#define EW_WINOGRAD_ROW_OF_POINTS_4(at)                                                            \
  "ldr r3, [r0, #" at "]\n ldr r4, [r0, #" at "+48]\n ldr r5, [r0, #" at "+96]\n"                 \
  "ldr r6, [r0, #" at "+144]\n ldr r7, [r0, #" at "+192]\n ldr r8, [r0, #" at "+240]\n"           \
  EW_WINOGRAD_POINTS_4                                                                             \
  "str r4, [r1, #24*" at "+16]\n str r5, [r1, #24*" at "+32]\n str r6, [r1, #24*" at "+48]\n"     \
  "str r7, [r1, #24*" at "+64]\n str r8, [r1, #24*" at "+80]\n"
EW_NAKED_FUNCTION ew_winograd_tiles_4(const uint32_t *from EW_UNUSED_ARGUMENT, uint32_t *v EW_UNUSED_ARGUMENT,
                                      int32_t between EW_UNUSED_ARGUMENT, int32_t tiles EW_UNUSED_ARGUMENT,
                                      int32_t before EW_UNUSED_ARGUMENT) {
  __asm volatile(
      "push {r4-r11, lr}\n mov lr, r3\n 1:\n add r12, r0, #48\n 2:\n"                              //
      EW_WINOGRAD_ROW_OF_POINTS_4("0") "str r3, [r1]\n" EW_WINOGRAD_ROW_OF_POINTS_4("4")
      "str r3, [r1, #96]\n add r0, #8\n add r1, #192\n cmp r0, r12\n bne 2b\n"
      "ldr r3, [sp, #36]\n add r0, #144\n sub r1, #1148\n adds r3, #1\n str r3, [sp, #36]\n"
      "lsls r3, r3, #30\n it eq\n addeq r1, r2\n subs lr, #1\n bne 1b\n pop {r4-r11, pc}\n");
}

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

/* As ew_winograd_expand, of all channels: w r0, its end r1, u r2. lr tells the second pair of four channels from the
 * first. */
EW_NAKED_FUNCTION ew_winograd_expand_4(const uint32_t *w EW_UNUSED_ARGUMENT, const uint32_t *end EW_UNUSED_ARGUMENT,
                                       uint32_t *u EW_UNUSED_ARGUMENT) {
  __asm volatile("push {r4-r11, lr}\n 1:\n mov lr, #0\n" EW_WINOGRAD_TAPS_ALL_4("")                //
                 "2:\n .rept 6\n pop {r3-r5}\n" EW_WINOGRAD_G_4
                 "str r7, [r2, #8]\n str r6, [r2, #16]\n str r10, [r2, #24]\n str r9, [r2, #32]\n"
                 "str r8, [r2, #40]\n str r3, [r2], #48\n .endr\n cmp lr, #0\n bne 3f\n"
                 "mov lr, #1\n" EW_WINOGRAD_TAPS_ALL_4(", ror #8") "b 2b\n"
                 "3:\n add r0, #36\n cmp r0, r1\n bne 1b\n pop {r4-r11, pc}\n");
}
#else
#define EW_FORM_relu EW_FORM_RELU
#define EW_FORM_linear EW_FORM_LINEAR
#define EW_FORM_step_relu EW_FORM_STEP_RELU
#define EW_FORM_step_linear EW_FORM_STEP_LINEAR
#define EW_WINOGRAD_FINISH_4(NAME, FORM, SHIFT)                                                    \
  EW_NOINLINE void NAME(const int32_t *sums, const ew_winograd_channel *k, const int32_t *places, int8_t *y, \
                        int32_t lanes, int32_t column, int32_t row) {                              \
    const int32_t output[] = {0, 0, 0, SHIFT};                                                     \
    for (int32_t lane = 0; lane < lanes; lane++)                                                   \
      ew_winograd_finish(4, EW_FORM_##FORM, sums + lane, k[lane & 1], output,                      \
                         y + places[lane >> 1] + (lane & 1), row + 2 * column, column);            \
  }
EW_INLINE void ew_winograd_columns_4(const int8_t *x, uint32_t *to, const uint32_t *end, int32_t row_bytes,
                                     int32_t channels) {
  ew_winograd_columns(4, x, to, end, row_bytes, channels);
}
EW_INLINE void ew_winograd_tiles_4(const uint32_t *from, uint32_t *v, int32_t between, int32_t tiles, int32_t before) {
  for (; tiles > 0; tiles--, from += 48, before++) {
    ew_winograd_tile(4, from, v);
    ew_winograd_tile(4, from + 6, v + 144);
    v += 1 + (before % 4 == 3 ? between / 4 : 0);
  }
}
EW_INLINE void ew_winograd_expand_4(const uint32_t *w, const uint32_t *end, uint32_t *u) {
  for (; w != end; w += 9, u += 144) ew_winograd_expand(4, w, u);
}
#endif
#endif
