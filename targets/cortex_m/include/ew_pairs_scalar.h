/* Dot products without DSP instructions: the weights of two output channels in a word, one product for both.
 *
 *   word[k][pair] = w[2 * pair][k] + (w[2 * pair + 1][k] << 16)                     (a sum, not halves side by side)
 *
 * Two inputs fit before the low half could overflow: |x0 w0 + x1 w1| < 2^15, but for two weights of -128, which the
 * compiler refuses. So after every second input
 *
 *   sum  += a                        the sums of both channels, modulo 2^32
 *   high += (a + 2^15) >> 16         the sum of the second channel
 *
 * and in the end the first channel's sum is sum - (high << 16). Tiles are four channels of one pixel, whose
 * receptive field lies in scratch as words of 32 bits. */
#ifndef EW_PAIRS_SCALAR_H
#define EW_PAIRS_SCALAR_H
#include "ew_gather.h"
#include "ew_steps_scalar.h"

#if defined(__thumb__)
/* Two inputs, four channels; 32 bytes of code. r8 .. r11: sum 0, sum 1, high 0, high 1; r12: 2^15. */
#if __ARM_ARCH >= 7
/* Products start from 2^15; the sums, from what these add up to. */
#define EW_PAIRS_STEP                                                                              \
  "ldmia r0!, {r4, r5, r6, r7}\n ldmia r1!, {r2, r3}\n"                                            \
  "mla r4, r4, r2, r12\n mla r5, r5, r2, r12\n mla r4, r6, r3, r4\n mla r5, r7, r3, r5\n"           \
  "add r8, r4\n add.w r10, r10, r4, asr #16\n add r9, r5\n add.w r11, r11, r5, asr #16\n"
#define EW_PAIRS_START "subs r5, r1, r2\n lsls r5, r5, #12\n mov r8, r5\n mov r9, r5\n movs r5, #0\n"
#else
#define EW_PAIRS_STEP                                                                              \
  "ldmia r0!, {r4, r5, r6, r7}\n ldmia r1!, {r2, r3}\n"                                            \
  "muls r4, r2\n muls r5, r2\n muls r6, r3\n muls r7, r3\n adds r4, r4, r6\n adds r5, r5, r7\n"     \
  "add r8, r4\n add r4, r12\n asrs r4, r4, #16\n add r10, r4\n"                                    \
  "add r9, r5\n add r5, r12\n asrs r5, r5, #16\n add r11, r5\n"
#define EW_PAIRS_START "movs r5, #0\n mov r8, r5\n mov r9, r5\n"
#endif
/* sums: sum 0, sum 1, high 0, high 1. The first turn of four steps leaves some out. */
EW_INLINE const uint32_t *ew_pairs_dot(const uint32_t *weights, const int32_t *values, int32_t depth, int32_t *sums) {
  register const uint32_t *w __asm("r0") = weights;
  register const int32_t *x __asm("r1") = values;
  register int32_t a __asm("r2") = (int32_t)(values + depth);
  register int32_t b __asm("r3") = -depth / 2 * 32 & 96;
  register int32_t c __asm("r4") = 1 << 15;
  register int32_t sum0 __asm("r8"), sum1 __asm("r9"), high0 __asm("r10"), high1 __asm("r11");
  __asm volatile(".syntax unified\n" EW_PAIRS_START
                 "mov r10, r5\n mov r11, r5\n mov lr, r2\n mov r12, r4\n add pc, r3\n nop\n"
                 "1:\n" EW_PAIRS_STEP EW_PAIRS_STEP EW_PAIRS_STEP EW_PAIRS_STEP "cmp r1, lr\n bne 1b\n"
                 : "+r"(w), "+r"(x), "+r"(a), "+r"(b), "+r"(c), "=&r"(sum0), "=&r"(sum1), "=&r"(high0), "=&r"(high1)
                 :
                 : "r5", "r6", "r7", "r12", "lr", "cc", "memory");
  sums[0] = sum0;
  sums[1] = sum1;
  sums[2] = high0;
  sums[3] = high1;
  return w;
}

/* Four bytes of an aligned word as words. */
#if __ARM_ARCH >= 7
#define EW_SPREAD_WORD                                                                              \
  "ldmia %[p]!, {r4}\n sxtb r2, r4\n sxtb.w r3, r4, ror #8\n sxtb.w r5, r4, ror #16\n asrs r6, r4, #24\n" \
  "stmia %[d]!, {r2, r3, r5, r6}\n"
#else
#define EW_SPREAD_WORD                                                                              \
  "ldmia %[p]!, {r6}\n sxtb r2, r6\n lsrs r6, r6, #8\n sxtb r3, r6\n lsrs r6, r6, #8\n sxtb r5, r6\n" \
  "lsrs r6, r6, #8\n sxtb r6, r6\n stmia %[d]!, {r2, r3, r5, r6}\n"
#endif
EW_INLINE void ew_spread_words(const int8_t **from, int32_t **to, int32_t words) {
  const int8_t *p = *from;
  int32_t *d = *to;
  for (const int8_t *end = p + 4 * words; p != end;)
    __asm volatile(".syntax unified\n" EW_SPREAD_WORD
                   : [p] "+l"(p), [d] "+l"(d)
                   :
                   : "r2", "r3", "r4", "r5", "r6", "cc", "memory");
  *from = p;
  *to = d;
}
#else
EW_INLINE const uint32_t *ew_pairs_dot(const uint32_t *w, const int32_t *x, int32_t depth, int32_t *sums) {
  uint32_t sum[2] = {0, 0};
  int32_t high[2] = {0, 0};
  for (const int32_t *end = x + depth; x != end; x += 2, w += 4) {
    for (int32_t i = 0; i < 2; i++) {
      uint32_t a = w[i] * (uint32_t)x[0] + w[2 + i] * (uint32_t)x[1];
      sum[i] += a;
      high[i] += (int32_t)(a + 0x8000u) >> 16;
    }
  }
  sums[0] = (int32_t)sum[0];
  sums[1] = (int32_t)sum[1];
  sums[2] = high[0];
  sums[3] = high[1];
  return w;
}

EW_INLINE void ew_spread_words(const int8_t **from, int32_t **to, int32_t words) {
  for (int32_t i = 0; i < 4 * words; i++) *(*to)++ = *(*from)++;
}
#endif

/* Sums of the four channels in order. */
EW_INLINE void ew_pairs_separate(const int32_t *sums, int32_t *acc) {
  acc[0] = (int32_t)((uint32_t)sums[0] - ((uint32_t)sums[2] << 16));
  acc[1] = sums[2];
  acc[2] = (int32_t)((uint32_t)sums[1] - ((uint32_t)sums[3] << 16));
  acc[3] = sums[3];
}

/* `count` bytes as words; returns the next word. */
EW_NOINLINE int32_t *ew_spread(const int8_t *p, int32_t *d, int32_t count) {
  if (((uintptr_t)p & 3) == 0) ew_spread_words(&p, &d, count >> 2), count &= 3;
  for (; count > 0; count--) *d++ = *p++;
  return d;
}

/* The receptive field of one output pixel, (ky, kx, channel) in order. `channel`: first channel of the group. */
EW_NOINLINE void ew_spread_field(const void *const *rows, int32_t *d, int32_t column, int32_t channel,
                                 const ew_window *w) {
  int32_t whole = w->dilation == 1 && w->pixel == w->channels && column >= 0 && column + w->width <= w->columns;
  for (int32_t ky = 0; ky < w->height; ky++) {
    const int8_t *row = (const int8_t *)rows[ky] + channel;
    if (whole) {
      d = ew_spread(row + column * w->pixel, d, w->channels * w->width);
      continue;
    }
    for (int32_t kx = 0, c = column; kx < w->width; kx++, c += w->dilation) {
      if (c >= 0 && c < w->columns) {
        d = ew_spread(row + c * w->pixel, d, w->channels);
      } else {
        for (int32_t i = 0; i < w->channels; i++) *d++ = w->zero_point;
      }
    }
  }
}

/* All output channels of one pixel.
 *   x: `depth` inputs as words, a multiple of 2; w: word[tile][k][2]; k: constants of FINISH, channel by channel. */
#define EW_PAIRS_PIXEL(NAME, NEXT)                                                                     \
  EW_INLINE void NAME(const uint32_t *w, const int32_t *x, const int32_t *k, int8_t *y, int32_t depth, \
                      int32_t outputs, int32_t piece, int32_t shift, int32_t zero_point, int32_t low, int32_t high) { \
    int32_t sums[4], acc[4];                                                                           \
    (void)piece, (void)shift, (void)zero_point;                                                        \
    for (; outputs >= 4; outputs -= 4, y += 4) {                                                       \
      w = ew_pairs_dot(w, x, depth, sums);                                                             \
      ew_pairs_separate(sums, acc);                                                                    \
      y[0] = NEXT(acc[0], k, piece, shift, zero_point, low, high);                                     \
      y[1] = NEXT(acc[1], k, piece, shift, zero_point, low, high);                                     \
      y[2] = NEXT(acc[2], k, piece, shift, zero_point, low, high);                                     \
      y[3] = NEXT(acc[3], k, piece, shift, zero_point, low, high);                                     \
    }                                                                                                  \
    if (outputs > 0) {                                                                                 \
      ew_pairs_dot(w, x, depth, sums);                                                                 \
      ew_pairs_separate(sums, acc);                                                                    \
      for (int32_t i = 0; i < outputs; i++) y[i] = NEXT(acc[i], k, piece, shift, zero_point, low, high); \
    }                                                                                                  \
  }
EW_PAIRS_PIXEL(ew_pairs_steps2, EW_STEPS2_NEXT)
EW_PAIRS_PIXEL(ew_pairs_steps3, EW_STEPS3_NEXT)
EW_PAIRS_PIXEL(ew_pairs_steps2_signed, EW_STEPS2_SIGNED_NEXT)
EW_PAIRS_PIXEL(ew_pairs_steps3_signed, EW_STEPS3_SIGNED_NEXT)
EW_PAIRS_PIXEL(ew_pairs_twice, EW_STEPS_TWICE_NEXT)
EW_PAIRS_PIXEL(ew_pairs_once, EW_STEPS_ONCE_NEXT)
#endif
