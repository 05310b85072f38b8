/* Mean over any axes of a tensor: sums over three strided dimensions for each of three others. */
#ifndef EW_MEAN_H
#define EW_MEAN_H
#include "ew_lanes.h"

typedef struct {
  int32_t count, stride;
} ew_axis;

typedef struct {
  ew_axis kept[3], summed[3];
  int32_t offset; /* zero point of the input times the number of summed elements */
  int32_t multiplier, shift, zero_point;
} ew_mean_geometry;

EW_INLINE int32_t ew_strided_sum(const int8_t *p, const ew_axis *a) {
  int32_t sum = 0;
  for (int32_t i = 0; i < a[0].count; i++)
    for (int32_t j = 0; j < a[1].count; j++)
      for (int32_t k = 0; k < a[2].count; k++) sum += p[i * a[0].stride + j * a[1].stride + k * a[2].stride];
  return sum;
}

/* First element of a sum: the one with indices i, j, k of the kept dimensions. */
EW_INLINE const int8_t *ew_mean_start(const int8_t *x, const ew_axis *a, int32_t i, int32_t j, int32_t k) {
  return x + i * a[0].stride + j * a[1].stride + k * a[2].stride;
}

EW_INLINE int8_t ew_mean_of(int32_t sum, const ew_mean_geometry *g) {
  int32_t v = ew_multiply(sum - g->offset, g->multiplier, g->shift);
  return (int8_t)ew_clamp(v + g->zero_point, -128, 127);
}

EW_NOINLINE void ew_mean(const int8_t *x, int8_t *y, const ew_mean_geometry *g) {
  const ew_axis *a = g->kept;
  for (int32_t i = 0; i < a[0].count; i++)
    for (int32_t j = 0; j < a[1].count; j++)
      for (int32_t k = 0; k < a[2].count; k++)
        *y++ = ew_mean_of(ew_strided_sum(ew_mean_start(x, a, i, j, k), g->summed), g);
}

/* The same where the last kept dimension is of neighbouring elements, a multiple of 4 like all strides. */
EW_INLINE void ew_mean_sums(const int8_t *p, const ew_axis *a, int32_t *sums, int32_t eight) {
  for (int32_t i = 0; i < a[0].count; i++)
    for (int32_t j = 0; j < a[1].count; j++)
      ew_lanes_run(p + i * a[0].stride + j * a[1].stride, a[2].count, a[2].stride, sums, eight);
}

EW_NOINLINE void ew_mean_fours(const int8_t *x, int8_t *y, const ew_mean_geometry *g) {
  const ew_axis *a = g->kept;
  for (int32_t i = 0; i < a[0].count; i++)
    for (int32_t j = 0; j < a[1].count; j++)
      for (int32_t k = 0, n; k < a[2].count; k += n, y += n) {
        int32_t sums[8] = {0};
        n = a[2].count - k >= 8 ? 8 : 4;
        if (n == 8) ew_mean_sums(ew_mean_start(x, a, i, j, k), g->summed, sums, 1);
        else ew_mean_sums(ew_mean_start(x, a, i, j, k), g->summed, sums, 0);
        for (int32_t m = 0; m < n; m++) y[m] = ew_mean_of(sums[m], g);
      }
}

/* The same in parts: add the sums over one part of the tensor, then take the means of all sums. */
EW_NOINLINE void ew_mean_add(const int8_t *x, int32_t *sums, const ew_mean_geometry *g) {
  const ew_axis *a = g->kept;
  for (int32_t i = 0; i < a[0].count; i++)
    for (int32_t j = 0; j < a[1].count; j++)
      for (int32_t k = 0; k < a[2].count; k++)
        *sums++ += ew_strided_sum(ew_mean_start(x, a, i, j, k), g->summed);
}

EW_NOINLINE void ew_mean_fours_add(const int8_t *x, int32_t *sums, const ew_mean_geometry *g) {
  const ew_axis *a = g->kept;
  for (int32_t i = 0; i < a[0].count; i++)
    for (int32_t j = 0; j < a[1].count; j++)
      for (int32_t k = 0; k < a[2].count; k += 4, sums += 4)
        ew_mean_sums(ew_mean_start(x, a, i, j, k), g->summed, sums, 0);
}

EW_NOINLINE void ew_mean_finish(const int32_t *sums, int8_t *y, int32_t count, const ew_mean_geometry *g) {
  for (int32_t i = 0; i < count; i++) y[i] = ew_mean_of(sums[i], g);
}
#endif
