/* Dot products without DSP instructions: two pixels in a word of scratch, one product with an int8 weight for both.
 *
 *   word[k][pair] = x[2 * pair][k] + (x[2 * pair + 1][k] << 16)
 *
 * As in ew_pairs_scalar.h with inputs and weights exchanged: half the flash, but a tile takes four pixels. */
#ifndef EW_PIXELS_SCALAR_H
#define EW_PIXELS_SCALAR_H
#include "ew_pairs_scalar.h"

#if defined(__thumb__)
/* Two inputs of four pixels. Registers as in EW_PAIRS_STEP, r0: words, r1: weights. */
#if __ARM_ARCH >= 7
#define EW_PIXELS_STEP(i)                                                                           \
  "ldrsb.w r2, [r1, #2*" #i "]\n ldrsb.w r3, [r1, #2*" #i "+1]\n ldmia r0!, {r4, r5, r6, r7}\n"     \
  "mla r4, r4, r2, r12\n mla r5, r5, r2, r12\n mla r4, r6, r3, r4\n mla r5, r7, r3, r5\n"           \
  "add r8, r4\n add.w r10, r10, r4, asr #16\n add r9, r5\n add.w r11, r11, r5, asr #16\n"
/* Bytes of code of a step; how far r1 has to begin before the weights, for each step that the first turn leaves out. */
#define EW_PIXELS_BYTES 38
#define EW_PIXELS_BACK 2
#define EW_PIXELS_START "subs r5, r0, r2\n lsls r5, r5, #11\n mov r8, r5\n mov r9, r5\n movs r5, #0\n"
#define EW_PIXELS_TURN "adds r1, #8\n"
#else
#define EW_PIXELS_STEP(i)                                                                           \
  "ldmia r0!, {r4, r5}\n ldrsb r2, [r1, r3]\n adds r1, #1\n muls r4, r2\n muls r5, r2\n"            \
  "ldmia r0!, {r6, r7}\n ldrsb r2, [r1, r3]\n adds r1, #1\n muls r6, r2\n muls r7, r2\n"            \
  "adds r4, r4, r6\n adds r5, r5, r7\n"                                                            \
  "add r8, r4\n add r4, r12\n asrs r4, r4, #16\n add r10, r4\n"                                    \
  "add r9, r5\n add r5, r12\n asrs r5, r5, #16\n add r11, r5\n"
#define EW_PIXELS_BYTES 40
#define EW_PIXELS_BACK 0
#define EW_PIXELS_START "movs r5, #0\n mov r8, r5\n mov r9, r5\n"
#define EW_PIXELS_TURN
#endif
/* sums: sum 0, sum 1, high 0, high 1. The first turn of four steps leaves some out. */
EW_INLINE void ew_pixels_dot(const int32_t *words, int32_t depth, const int8_t *weights, int32_t *sums) {
  const int32_t rest = -depth / 2 & 3;
  register const int32_t *x __asm("r0") = words;
  register const int8_t *w __asm("r1") = weights - EW_PIXELS_BACK * rest;
  register int32_t a __asm("r2") = (int32_t)(words + 2 * depth);
  register int32_t b __asm("r3") = EW_PIXELS_BYTES * rest;
  register int32_t c __asm("r4") = 1 << 15;
  register int32_t sum0 __asm("r8"), sum1 __asm("r9"), high0 __asm("r10"), high1 __asm("r11");
  __asm volatile(".syntax unified\n" EW_PIXELS_START
                 "mov r10, r5\n mov r11, r5\n mov lr, r2\n mov r12, r4\n mov r4, r3\n movs r3, #0\n add pc, r4\n nop\n"
                 "1:\n" EW_PIXELS_STEP(0) EW_PIXELS_STEP(1) EW_PIXELS_STEP(2) EW_PIXELS_STEP(3) EW_PIXELS_TURN
                 "cmp r0, lr\n bne 1b\n"
                 : "+r"(x), "+r"(w), "+r"(a), "+r"(b), "+r"(c), "=&r"(sum0), "=&r"(sum1), "=&r"(high0), "=&r"(high1)
                 :
                 : "r5", "r6", "r7", "r12", "lr", "cc", "memory");
  sums[0] = sum0;
  sums[1] = sum1;
  sums[2] = high0;
  sums[3] = high1;
}
#else
EW_INLINE void ew_pixels_dot(const int32_t *x, int32_t depth, const int8_t *w, int32_t *sums) {
  uint32_t sum[2] = {0, 0};
  int32_t high[2] = {0, 0};
  for (const int32_t *end = x + 2 * depth; x != end; x += 4, w += 2) {
    for (int32_t i = 0; i < 2; i++) {
      uint32_t a = (uint32_t)x[i] * (uint32_t)w[0] + (uint32_t)x[2 + i] * (uint32_t)w[1];
      sum[i] += a;
      high[i] += (int32_t)(a + 0x8000u) >> 16;
    }
  }
  sums[0] = (int32_t)sum[0];
  sums[1] = (int32_t)sum[1];
  sums[2] = high[0];
  sums[3] = high[1];
}
#endif

/* `count` inputs into the low or the high halves of every second word; low halves come first. */
EW_NOINLINE int32_t *ew_pixels_low(const int8_t *p, int32_t *d, int32_t count) {
  if (((uintptr_t)p & 3) == 0) {
    for (; count >= 4; count -= 4, p += 4, d += 8) {
      uint32_t v;
      memcpy(&v, __builtin_assume_aligned(p, 4), 4);
      d[0] = (int8_t)v;
      d[2] = (int8_t)(v >> 8);
      d[4] = (int8_t)(v >> 16);
      d[6] = (int8_t)(v >> 24);
    }
  }
  for (; count > 0; count--, d += 2) *d = *p++;
  return d;
}
EW_NOINLINE int32_t *ew_pixels_high(const int8_t *p, int32_t *d, int32_t count) {
  if (((uintptr_t)p & 3) == 0) {
    for (; count >= 4; count -= 4, p += 4, d += 8) {
      uint32_t v;
      memcpy(&v, __builtin_assume_aligned(p, 4), 4);
      d[0] = (int32_t)((uint32_t)d[0] + (uint32_t)((int32_t)(v << 24) >> 8));
      d[2] = (int32_t)((uint32_t)d[2] + (uint32_t)((int32_t)(v << 16) >> 8 & ~0xffff));
      d[4] = (int32_t)((uint32_t)d[4] + (uint32_t)((int32_t)(v << 8) >> 8 & ~0xffff));
      d[6] = (int32_t)((uint32_t)d[6] + (uint32_t)((int32_t)v >> 8 & ~0xffff));
    }
  }
  for (; count > 0; count--, d += 2) *d = (int32_t)((uint32_t)*d + ((uint32_t)*p++ << 16));
  return d;
}
EW_INLINE int32_t *ew_pixels_run(const int8_t *p, int32_t *d, int32_t count, int32_t high) {
  return high ? ew_pixels_high(p, d, count) : ew_pixels_low(p, d, count);
}

/* Receptive fields of up to four neighbouring output pixels; see `ew_spread_field`. */
EW_NOINLINE void ew_pixels_gather(const void *const *rows, int32_t *x, int32_t column, int32_t pixels, int32_t stride,
                                 int32_t channel, const ew_window *w) {
  for (int32_t p = 0; p < pixels; p++, column += stride) {
    int32_t *d = x + (p >> 1), high = p & 1;
    int32_t whole = w->dilation == 1 && w->pixel == w->channels && column >= 0 && column + w->width <= w->columns;
    for (int32_t ky = 0; ky < w->height; ky++) {
      const int8_t *row = (const int8_t *)rows[ky] + channel;
      if (whole) {
        d = ew_pixels_run(row + column * w->pixel, d, w->channels * w->width, high);
        continue;
      }
      for (int32_t kx = 0, c = column; kx < w->width; kx++, c += w->dilation) {
        if (c >= 0 && c < w->columns) {
          d = ew_pixels_run(row + c * w->pixel, d, w->channels, high);
        } else {
          const int8_t fill = (int8_t)w->zero_point;
          for (int32_t i = 0; i < w->channels; i++) d = ew_pixels_run(&fill, d, 1, high);
        }
      }
    }
  }
}

/* All output channels of up to four pixels, `stride` bytes apart.
 *   x: word[k][2] of `depth` inputs, a multiple of 2; w: [output][depth]; k: constants of FINISH, channel by channel. */
#define EW_PIXELS_TILE(NAME, FINISH)                                                                     \
  EW_INLINE void NAME(const int8_t *w, const int32_t *x, const int32_t *k, int8_t *y, int32_t depth,    \
                      int32_t outputs, int32_t pixels, int32_t stride, int32_t piece, int32_t shift,    \
                      int32_t zero_point, int32_t low, int32_t high) {                                  \
    int32_t sums[4], acc[4];                                                                            \
    (void)piece, (void)shift, (void)zero_point;                                                         \
    for (; outputs > 0; outputs--, y++, w += depth, k += FINISH##_WORDS) {                              \
      ew_pixels_dot(x, depth, w, sums);                                                                  \
      ew_pairs_separate(sums, acc);                                                                     \
      int8_t *to = y;                                                                                   \
      for (int32_t p = 0; p < pixels; p++, to += stride)                                                \
        *to = FINISH(acc[p], k, piece, shift, zero_point, low, high);                                   \
    }                                                                                                   \
  }
EW_PIXELS_TILE(ew_pixels_steps2, EW_STEPS2)
EW_PIXELS_TILE(ew_pixels_steps3, EW_STEPS3)
EW_PIXELS_TILE(ew_pixels_steps2_signed, EW_STEPS2_SIGNED)
EW_PIXELS_TILE(ew_pixels_steps3_signed, EW_STEPS3_SIGNED)
EW_PIXELS_TILE(ew_pixels_twice, EW_STEPS_TWICE)
EW_PIXELS_TILE(ew_pixels_once, EW_STEPS_ONCE)
#endif
