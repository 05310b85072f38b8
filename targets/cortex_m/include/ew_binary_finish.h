/* From planes of mismatches to requantized int8. */
#ifndef EW_BINARY_FINISH_H
#define EW_BINARY_FINISH_H
#include "ew_binary_counts.h"

/* At most 32 channels of a pixel: requantized (terms - 2 * mismatches) * factor + bias. k: biases, multipliers
 * and shifts, `pitch` apart. */
#define EW_BINARY_FINISH(NAME, FINISH)                                                                          \
  EW_NOINLINE void NAME(const uint32_t *planes, int32_t plane_step, int32_t terms, const ew_binary_window *g,   \
                        const int32_t *k, int32_t factor, int32_t count, int8_t *out, const ew_output *y) {     \
    uint16_t counts[32];                                                                                        \
    int32_t zero_point = y->zero_point, least = y->low, most = y->high, n = g->pitch;                           \
    uint32_t start = (uint32_t)terms * (uint32_t)factor, twice = 2u * (uint32_t)factor;                         \
    ew_binary_counts(planes, plane_step, g->top, counts);                                                       \
    for (int32_t o = 0; o < 32 && o < count; o++, k++) {                                                        \
      int32_t a = (int32_t)(start - twice * counts[o] + (uint32_t)k[0]);                                        \
      *out++ = FINISH(a, k[n], k[2 * n], zero_point, least, most);                                              \
    }                                                                                                           \
  }
EW_BINARY_FINISH(ew_binary_finish_bounded, ew_requantize_bounded)
EW_BINARY_FINISH(ew_binary_finish_general, ew_requantize)
#endif
