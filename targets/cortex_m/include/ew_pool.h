/* Pooling over windows. Rows outside the tensor come as null pointers and do not count. */
#ifndef EW_POOL_H
#define EW_POOL_H
#include "ew_math.h"

typedef struct {
  int32_t columns, channels, out_columns;
  int32_t height, width, stride, pad_left; /* stride and padding horizontal */
  int32_t low, high;
} ew_pool;

typedef struct {
  int32_t first, last; /* input columns first .. last - 1 */
} ew_span;

/* The columns inside the tensor under output column x. */
EW_INLINE ew_span ew_pool_span(const ew_pool *g, int32_t x) {
  int32_t first = x * g->stride - g->pad_left, last = first + g->width;
  return (ew_span){first < 0 ? 0 : first, last > g->columns ? g->columns : last};
}

/* Halves away from zero. */
EW_INLINE int8_t ew_average(int32_t sum, int32_t count, const ew_pool *g) {
  int32_t half = count / 2;
  return (int8_t)ew_clamp((sum > 0 ? sum + half : sum - half) / count, g->low, g->high);
}

EW_NOINLINE void ew_average_pool(const void *const *rows, int8_t *out, const ew_pool *g) {
  for (int32_t x = 0; x < g->out_columns; x++) {
    ew_span s = ew_pool_span(g, x);
    for (int32_t c = 0; c < g->channels; c++) {
      int32_t sum = 0, count = 0;
      for (int32_t y = 0; y < g->height; y++) {
        if (!rows[y]) continue;
        const int8_t *p = (const int8_t *)rows[y] + s.first * g->channels + c;
        for (int32_t i = s.first; i < s.last; i++, p += g->channels) sum += *p;
        count += s.last - s.first;
      }
      *out++ = ew_average(sum, count, g);
    }
  }
}

/* The same in parts, where one window holds all rows: add one row to the sums, then take the means of
 * g->height rows. */
EW_NOINLINE void ew_average_pool_add(const int8_t *row, int32_t *sums, const ew_pool *g) {
  for (int32_t x = 0; x < g->out_columns; x++) {
    ew_span s = ew_pool_span(g, x);
    for (int32_t c = 0; c < g->channels; c++) {
      const int8_t *p = row + s.first * g->channels + c;
      int32_t sum = *sums;
      for (int32_t i = s.first; i < s.last; i++, p += g->channels) sum += *p;
      *sums++ = sum;
    }
  }
}

EW_NOINLINE void ew_average_pool_finish(const int32_t *sums, int8_t *out, const ew_pool *g) {
  for (int32_t x = 0; x < g->out_columns; x++) {
    ew_span s = ew_pool_span(g, x);
    int32_t count = (s.last - s.first) * g->height;
    for (int32_t c = 0; c < g->channels; c++) *out++ = ew_average(*sums++, count, g);
  }
}

EW_NOINLINE void ew_max_pool(const void *const *rows, int8_t *out, const ew_pool *g) {
  for (int32_t x = 0; x < g->out_columns; x++) {
    ew_span s = ew_pool_span(g, x);
    for (int32_t c = 0; c < g->channels; c++) {
      int32_t best = -128;
      for (int32_t y = 0; y < g->height; y++) {
        if (!rows[y]) continue;
        const int8_t *p = (const int8_t *)rows[y] + s.first * g->channels + c;
        for (int32_t i = s.first; i < s.last; i++, p += g->channels) best = *p > best ? *p : best;
      }
      *out++ = (int8_t)ew_clamp(best, g->low, g->high);
    }
  }
}
#endif
