/* Softmax of TFLite's int8 reference kernel: exponentials from a table (their arguments are whole steps
 * of the input scale), the sum in Q12, its reciprocal by three Newton steps in fixed point. */
#ifndef EW_SOFTMAX_H
#define EW_SOFTMAX_H
#include "ew_math.h"

/* 1 / (1 + a), a Q0.31 in [0, 1). */
EW_INLINE int32_t ew_one_over_one_plus(int32_t a) {
  int32_t half = (int32_t)(((int64_t)a + INT32_MAX + 1) >> 1);
  int32_t x = 1515870810 + ew_srdhm(half, -1010580540); /* 48/17 and -32/17 in Q2.29 */
  for (int32_t i = 0; i < 3; i++) {
    int32_t error = (1 << 29) - ew_srdhm(half, x);
    int64_t step = (int64_t)ew_srdhm(x, error) * 4;
    x += (int32_t)(step > INT32_MAX ? INT32_MAX : step < INT32_MIN ? INT32_MIN : step);
  }
  return x >= 1 << 30 ? INT32_MAX : x * 2;
}

/* exponentials[d] = exp(-d * step) in Q0.31, d = 0 .. count - 1; larger differences count as 0. */
EW_NOINLINE void ew_softmax(const int8_t *x, int8_t *y, int32_t pixels, int32_t channels,
                            const int32_t *exponentials, int32_t count) {
  for (; pixels > 0; pixels--, x += channels, y += channels) {
    int32_t largest = -128, sum = 0;
    for (int32_t c = 0; c < channels; c++) largest = x[c] > largest ? x[c] : largest;
    for (int32_t c = 0; c < channels; c++) {
      int32_t d = largest - x[c];
      if (d < count) sum += ew_divide_pot(exponentials[d], 12);
    }
    int32_t headroom = __builtin_clz((uint32_t)sum);
    int32_t scale = ew_one_over_one_plus((int32_t)(((uint32_t)sum << headroom) - 0x80000000u));
    int32_t shift = 12 - headroom + 31 - 8;
    for (int32_t c = 0; c < channels; c++) {
      int32_t d = largest - x[c];
      /* From a sum of 512 on every probability is below half a step. */
      int32_t v = d < count && shift <= 31 ? ew_divide_pot(ew_srdhm(scale, exponentials[d]), shift) : 0;
      y[c] = (int8_t)ew_clamp(v - 128, -128, 127);
    }
  }
}
#endif
