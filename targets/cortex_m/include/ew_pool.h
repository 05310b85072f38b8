/* Pooling over windows. Rows outside the tensor come as null pointers and do not count. */
#ifndef EW_POOL_H
#define EW_POOL_H
#include "ew_math.h"

typedef struct {
  int32_t columns, channels, out_columns;
  int32_t height, width, stride, pad_left; /* stride and padding horizontal */
  int32_t low, high;
} ew_pool;

/* Mean, halves away from zero. */
EW_NOINLINE void ew_average_pool(const void *const *rows, int8_t *out, const ew_pool *g) {
  for (int32_t x = 0; x < g->out_columns; x++) {
    int32_t first = x * g->stride - g->pad_left, last = first + g->width;
    first = first < 0 ? 0 : first;
    last = last > g->columns ? g->columns : last;
    for (int32_t c = 0; c < g->channels; c++) {
      int32_t sum = 0, count = 0;
      for (int32_t y = 0; y < g->height; y++) {
        if (!rows[y]) continue;
        const int8_t *p = (const int8_t *)rows[y] + first * g->channels + c;
        for (int32_t i = first; i < last; i++, p += g->channels) sum += *p;
        count += last - first;
      }
      int32_t half = count / 2;
      *out++ = (int8_t)ew_clamp((sum > 0 ? sum + half : sum - half) / count, g->low, g->high);
    }
  }
}

EW_NOINLINE void ew_max_pool(const void *const *rows, int8_t *out, const ew_pool *g) {
  for (int32_t x = 0; x < g->out_columns; x++) {
    int32_t first = x * g->stride - g->pad_left, last = first + g->width;
    first = first < 0 ? 0 : first;
    last = last > g->columns ? g->columns : last;
    for (int32_t c = 0; c < g->channels; c++) {
      int32_t best = -128;
      for (int32_t y = 0; y < g->height; y++) {
        if (!rows[y]) continue;
        const int8_t *p = (const int8_t *)rows[y] + first * g->channels + c;
        for (int32_t i = first; i < last; i++, p += g->channels) best = *p > best ? *p : best;
      }
      *out++ = (int8_t)ew_clamp(best, g->low, g->high);
    }
  }
}
#endif
