/* The end of the wide tiles (`ew_wide_dsp.h`): requantization in registers, and the stores. */
#ifndef EW_WIDE_FINISH_DSP_H
#define EW_WIDE_FINISH_DSP_H

/* Constants of a channel: r4 multiplier, r5 addend, r6 shift; of form `step` r4, r5 and r6, r7 of both at once. The loads of
 * `single` leave r0 EW_WIDE_LAST bytes before the next stream, those of `dual` at it. */
#define EW_WIDE_THREE_0_single "ldr r4, [r0, #8]\n ldr r5, [r0, #12]\n ldr r6, [r0, #16]\n"
#define EW_WIDE_THREE_1_single "ldr r4, [r0, #20]!\n ldr r5, [r0, #4]\n ldr r6, [r0, #8]\n"
#define EW_WIDE_THREE_0_dual "ldmia r0!, {r4, r5, r6}\n"
#define EW_WIDE_THREE_1_dual EW_WIDE_THREE_0_dual
#define EW_WIDE_FOUR_single "ldr r4, [r0, #8]\n ldr r5, [r0, #12]\n ldr r6, [r0, #16]\n ldr r7, [r0, #20]\n"
#define EW_WIDE_FOUR_dual "ldmia r0!, {r4, r5, r6, r7}\n"
#define EW_WIDE_LAST_relu "12"
#define EW_WIDE_LAST_linear "12"
#define EW_WIDE_LAST_once "12"
#define EW_WIDE_LAST_step "24"
#define EW_WIDE_CONSTANTS_relu(channel, core) EW_WIDE_THREE_##channel##_##core
#define EW_WIDE_CONSTANTS_linear(channel, core) EW_WIDE_THREE_##channel##_##core
#define EW_WIDE_CONSTANTS_once(channel, core) EW_WIDE_THREE_##channel##_##core
#define EW_WIDE_CONSTANTS_step(channel, core) EW_WIDE_STEP_CONSTANTS_##channel(core)
#define EW_WIDE_STEP_CONSTANTS_0(core) EW_WIDE_FOUR_##core
#define EW_WIDE_STEP_CONSTANTS_1(core) ""

#define EW_WIDE_relu(channel, a, shift) \
  "smmlar " a ", " a ", r4, r5\n asr " a ", " a ", r6\n ssat " a ", #8, " a "\n"
#define EW_WIDE_linear(channel, a, shift)                                                          \
  "add r7, r5, " a ", asr #31\n smmlar " a ", " a ", r4, r7\n asr " a ", " a ", r6\n ssat " a ", #8, " a "\n"
#define EW_WIDE_once(channel, a, shift) \
  "smmla " a ", " a ", r4, r5\n asr " a ", " a ", r6\n ssat " a ", #8, " a "\n"
#define EW_WIDE_STEP_0 "r4, r5"
#define EW_WIDE_STEP_1 "r6, r7"
#define EW_WIDE_step(channel, a, shift) \
  "smmla " a ", " a ", " EW_WIDE_STEP_##channel "\n ssat " a ", #8, " a ", asr #" shift "\n"

#define EW_WIDE_FINISH_1(core, form, shift)                                                        \
  EW_WIDE_CONSTANTS_##form(0, core) EW_WIDE_##form(0, "r2", shift)                                 \
  EW_WIDE_CONSTANTS_##form(1, core) EW_WIDE_##form(1, "r3", shift)
#define EW_WIDE_FINISH_2(core, form, shift)                                                        \
  EW_WIDE_CONSTANTS_##form(0, core) EW_WIDE_##form(0, "r2", shift) EW_WIDE_##form(0, "r8", shift)  \
  EW_WIDE_CONSTANTS_##form(1, core) EW_WIDE_##form(1, "r3", shift) EW_WIDE_##form(1, "r9", shift)
#define EW_WIDE_FINISH_3(core, form, shift)                                                        \
  EW_WIDE_CONSTANTS_##form(0, core)                                                                \
  EW_WIDE_##form(0, "r2", shift) EW_WIDE_##form(0, "r8", shift) EW_WIDE_##form(0, "r10", shift)    \
  EW_WIDE_CONSTANTS_##form(1, core)                                                                \
  EW_WIDE_##form(1, "r3", shift) EW_WIDE_##form(1, "r9", shift) EW_WIDE_##form(1, "r11", shift)
#define EW_WIDE_FINISH_4(core, form, shift)                                                        \
  EW_WIDE_CONSTANTS_##form(0, core) EW_WIDE_##form(0, "r2", shift) EW_WIDE_##form(0, "r8", shift)  \
  EW_WIDE_##form(0, "r10", shift) EW_WIDE_##form(0, "r12", shift)                                  \
  EW_WIDE_CONSTANTS_##form(1, core) EW_WIDE_##form(1, "r3", shift) EW_WIDE_##form(1, "r9", shift)  \
  EW_WIDE_##form(1, "r11", shift) EW_WIDE_##form(1, "lr", shift)

/* Clamps other than [-128, 127]: r4 low, r5 high. */
#define EW_WIDE_CLAMP(a) "cmp " a ", r4\n it lt\n movlt " a ", r4\n cmp " a ", r5\n it gt\n movgt " a ", r5\n"
#define EW_WIDE_CLAMP_1 "ldr r4, [sp, #20]\n ldr r5, [sp, #24]\n" EW_WIDE_CLAMP("r2") EW_WIDE_CLAMP("r3")
#define EW_WIDE_CLAMP_2 EW_WIDE_CLAMP_1 EW_WIDE_CLAMP("r8") EW_WIDE_CLAMP("r9")
#define EW_WIDE_CLAMP_3 EW_WIDE_CLAMP_2 EW_WIDE_CLAMP("r10") EW_WIDE_CLAMP("r11")
#define EW_WIDE_CLAMP_4 EW_WIDE_CLAMP_3 EW_WIDE_CLAMP("r12") EW_WIDE_CLAMP("lr")
#define EW_WIDE_full(P) ""
#define EW_WIDE_narrow(P) EW_WIDE_CLAMP_##P

/* Both channels of a pixel are one halfword, which may be unaligned. r1 out, r6 end. Ends with the flags of the comparison. */
#define EW_WIDE_JOIN(a, b) "bfi " a ", " b ", #8, #24\n"
#define EW_WIDE_OUT(a) "ldr r1, [sp, #4]\n ldr r6, [sp, #8]\n strh " a ", [r1], #2\n str r1, [sp, #4]\n cmp r1, r6\n"
#define EW_WIDE_AT(a, pixel, stride) "strh " a ", [r1, #" pixel "*" stride "-2]\n"
#define EW_WIDE_STORE_1(stride) EW_WIDE_JOIN("r2", "r3") EW_WIDE_OUT("r2")
#define EW_WIDE_STORE_2(stride) \
  EW_WIDE_JOIN("r8", "r9") EW_WIDE_JOIN("r2", "r3") EW_WIDE_OUT("r8") EW_WIDE_AT("r2", "1", stride)
#define EW_WIDE_STORE_3(stride)                                                                    \
  EW_WIDE_JOIN("r8", "r9") EW_WIDE_JOIN("r10", "r11") EW_WIDE_JOIN("r2", "r3")                     \
  EW_WIDE_OUT("r8") EW_WIDE_AT("r10", "1", stride) EW_WIDE_AT("r2", "2", stride)
#define EW_WIDE_STORE_4(stride)                                                                    \
  EW_WIDE_JOIN("r8", "r9") EW_WIDE_JOIN("r10", "r11") EW_WIDE_JOIN("r12", "lr") EW_WIDE_JOIN("r2", "r3") \
  EW_WIDE_OUT("r8") EW_WIDE_AT("r10", "1", stride) EW_WIDE_AT("r12", "2", stride) EW_WIDE_AT("r2", "3", stride)

/* The same at any distance, r7; no address is used right behind the instruction that computes it. */
#define EW_WIDE_FROM(a)                                                                            \
  "ldr r1, [sp, #4]\n ldr r6, [sp, #8]\n ldr r7, [sp, #28]\n"                                      \
  "strh " a ", [r1], #2\n str r1, [sp, #4]\n cmp r1, r6\n"
#define EW_WIDE_ANY_1 EW_WIDE_STORE_1("")
#define EW_WIDE_ANY_2 \
  EW_WIDE_JOIN("r8", "r9") EW_WIDE_FROM("r8") "add r1, r7\n" EW_WIDE_JOIN("r2", "r3") "strh r2, [r1, #-2]\n"
#define EW_WIDE_ANY_3                                                                              \
  EW_WIDE_JOIN("r8", "r9") EW_WIDE_FROM("r8") "add r1, r7\n" EW_WIDE_JOIN("r10", "r11")            \
  "add r6, r1, r7\n strh r10, [r1, #-2]\n" EW_WIDE_JOIN("r2", "r3") "strh r2, [r6, #-2]\n"
#define EW_WIDE_ANY_4                                                                              \
  EW_WIDE_JOIN("r8", "r9") EW_WIDE_FROM("r8") "add r1, r7\n" EW_WIDE_JOIN("r10", "r11")            \
  "add r6, r1, r7\n strh r10, [r1, #-2]\n" EW_WIDE_JOIN("r12", "lr") "add r1, r6, r7\n strh r12, [r6, #-2]\n" \
  EW_WIDE_JOIN("r2", "r3") "strh r2, [r1, #-2]\n"
#endif
