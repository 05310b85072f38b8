/* Mismatches of signs, counted for 32 output channels at once by carry-save addition.
 *
 * A counter is a set of planes: bit o of plane p is bit p of the count of channel o. For every input channel
 * one word says which of the 32 outputs disagree with the input's sign: its weights, inverted where the sign
 * is +1. A full adder takes a plane and two such words of its weight to the new plane and one word of double
 * weight: with u = a ^ b, the sum is plane ^ u and the carry is plane ^ ((a ^ plane) & ~u). As u of two inputs
 * is the XOR of weights and that of signs, weights are stored as pairs (first, first ^ second).
 *
 * Harley and Seal's tree (H. S. Warren, Hacker's Delight, 2nd ed., 5-1) turns 16 input channels into planes of
 * weight 1, 2, 4, 8 that stay in registers, and one word of weight 16, which is kept for ew_binary_reduce. */
#ifndef EW_BINARY_RUN_H
#define EW_BINARY_RUN_H
#include "ew_math.h"

#if defined(__thumb2__)
/* r0 w, r1 x, r2 x ^ (x >> 1), r3-r6 planes, r7 and r8 words of weight 4 and 8 that wait for a second one.
 * Frame: [sp] planes, [sp, 4] x, [sp, 8] next word of weight 16, [sp, 12] end of w. */
#define EW_BINARY_ADD(out, a, u, plane)                                                          \
  "eor " a ", " a ", " plane "\n bic " a ", " a ", " u "\n eor " out ", " a ", " plane "\n"      \
  "eor " plane ", " plane ", " u "\n"
#define EW_BINARY_PAIR(a, u, bit)                                                                \
  "sbfx lr, r1, #" bit ", #1\n eor " a ", " a ", lr\n"                                           \
  "sbfx lr, r2, #" bit ", #1\n eor " u ", " u ", lr\n"                                           \
  EW_BINARY_ADD(a, a, u, "r3")
#define EW_BINARY_FOUR(out, bit)                                                                 \
  "ldmia r0!, {r9-r12}\n" EW_BINARY_PAIR("r9", "r10", bit) EW_BINARY_PAIR("r11", "r12", bit "+2") \
  "eor r11, r11, r9\n" EW_BINARY_ADD(out, "r9", "r11", "r4")
#define EW_BINARY_EIGHT(out, bit)                                                                \
  EW_BINARY_FOUR("r7", bit) EW_BINARY_FOUR("r9", bit "+4")                                       \
  "eor r9, r9, r7\n" EW_BINARY_ADD(out, "r7", "r9", "r5")
/* Flags: whether this was the last half. */
#define EW_BINARY_HALF(bit)                                                                      \
  EW_BINARY_EIGHT("r8", bit) EW_BINARY_EIGHT("r7", bit "+8")                                     \
  "eor r7, r7, r8\n" EW_BINARY_ADD("r8", "r8", "r7", "r6")                                       \
  "ldr lr, [sp, #8]\n ldr r9, [sp, #12]\n str r8, [lr], #4\n str lr, [sp, #8]\n cmp r0, r9\n"

/* Adds `halves` groups of 16 channels to planes[0..3].
 *
 * x: the signs of the inputs, 32 a word, whose last may be used by half; w: 16 words a half; next: where the words of
 * weight 16 go. Returns the end of these. */
static __attribute__((naked, noinline, unused)) uint32_t *
ew_binary_run(uint32_t *planes __attribute__((unused)), const uint32_t *x __attribute__((unused)),
              const uint32_t *w __attribute__((unused)), int32_t halves __attribute__((unused)),
              uint32_t *next __attribute__((unused))) {
  __asm volatile(
      "push {r4-r11, lr}\n ldr r12, [sp, #36]\n add lr, r2, r3, lsl #6\n push {r0, r1, r12, lr}\n"
      "ldmia r0, {r3-r6}\n mov r0, r2\n"
      "1:\n ldr lr, [sp, #4]\n ldr r1, [lr], #4\n str lr, [sp, #4]\n eor r2, r1, r1, lsr #1\n"
      EW_BINARY_HALF("0") "beq 2f\n" EW_BINARY_HALF("16") "bne 1b\n"
      "2:\n ldr r0, [sp]\n stmia r0, {r3-r6}\n ldr r0, [sp, #8]\n add sp, #16\n pop {r4-r11, pc}\n");
}
#else
/* The carry of `plane`, `a` and a second word b with u = a ^ b; the sum replaces `plane`. */
EW_INLINE uint32_t ew_binary_add(uint32_t *plane, uint32_t a, uint32_t u) {
  uint32_t carry = *plane ^ ((a ^ *plane) & ~u);
  *plane ^= u;
  return carry;
}
EW_INLINE uint32_t ew_binary_mask(uint32_t x, int32_t bit) { return 0u - (x >> bit & 1u); }

EW_INLINE uint32_t ew_binary_four(uint32_t *ones, uint32_t *twos, uint32_t x, const uint32_t *w) {
  uint32_t pairs = x ^ x >> 1;
  uint32_t a = ew_binary_add(ones, w[0] ^ ew_binary_mask(x, 0), w[1] ^ ew_binary_mask(pairs, 0));
  uint32_t b = ew_binary_add(ones, w[2] ^ ew_binary_mask(x, 2), w[3] ^ ew_binary_mask(pairs, 2));
  return ew_binary_add(twos, a, a ^ b);
}

EW_NOINLINE uint32_t *ew_binary_run(uint32_t *planes, const uint32_t *x, const uint32_t *w, int32_t halves,
                                    uint32_t *next) {
  uint32_t ones = planes[0], twos = planes[1], fours = planes[2], eights = planes[3], signs = 0;
  for (int32_t i = 0; i < halves; i++, w += 16) {
    signs = i & 1 ? signs >> 16 : *x++;
    uint32_t a = ew_binary_four(&ones, &twos, signs, w);
    uint32_t b = ew_binary_four(&ones, &twos, signs >> 4, w + 4);
    uint32_t low = ew_binary_add(&fours, a, a ^ b);
    a = ew_binary_four(&ones, &twos, signs >> 8, w + 8);
    b = ew_binary_four(&ones, &twos, signs >> 12, w + 12);
    uint32_t high = ew_binary_add(&fours, a, a ^ b);
    *next++ = ew_binary_add(&eights, low, low ^ high);
  }
  planes[0] = ones, planes[1] = twos, planes[2] = fours, planes[3] = eights;
  return next;
}
#endif
#endif
