/* y = ssat8(p * m rounded twice, by 31 bits, then by `shift`, plus the zero point), p = (a - za) * (b - zb),
 * for Armv7E-M and Armv8-M with DSP, four elements at a time. SMMULR(2 p, m) is the first rounding; in the
 * second, halves go away from zero: 1 less where p is negative (see ew_requantize_bounded). */
#ifndef EW_MUL_DSP_H
#define EW_MUL_DSP_H
#include "ew_add_dsp.h"

/* r7 is 2^(shift - 1) + (zero point << shift); r9 is free. */
#define EW_MUL_ONE(v, SHIFT) \
  "add r9, r7, " v ", asr #31\n smmlar " v ", " v ", r6, r9\n ssat " v ", #8, " v ", asr #" SHIFT "\n"
/* r4, r5 -za and -zb in both halves, r6 m. */
#define EW_MUL_FOUR(SHIFT)                                                                        \
  EW_FOURS_LOAD                                                                                   \
  "sxtab16 r10, r4, r8\n sxtab16 r8, r4, r8, ror #8\n"                                            \
  "sxtab16 r11, r5, r9\n sxtab16 r9, r5, r9, ror #8\n"                                            \
  "sadd16 r11, r11, r11\n sadd16 r9, r9, r9\n"                                                    \
  "smulbb r12, r10, r11\n smultt r10, r10, r11\n smulbb r11, r8, r9\n smultt r8, r8, r9\n"        \
  EW_MUL_ONE("r12", SHIFT) EW_MUL_ONE("r11", SHIFT) EW_MUL_ONE("r10", SHIFT) EW_MUL_ONE("r8", SHIFT) \
  EW_FOURS_STORE("r12", "r11", "r10", "r8")

/* Makes void NAME(a, b, y, fours, k); k: -za, -zb (twice each), m, constant. */
#define EW_MUL_DSP(NAME, SHIFT) EW_FOURS(NAME, EW_MUL_FOUR(#SHIFT))
#endif
