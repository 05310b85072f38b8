/* Transforms of Winograd convolution with windows of 3 x 3, exact in integers: tiles of `size` x `size`
 * outputs (4 or 2) from tiles of n x n inputs, n = size + 2, by products at n x n points.
 *
 *   output = A (U * V) A^T with V = B x B^T, U = G w G^T, * point by point, summed over channels
 *
 * G has no fractions here: the outputs come times 4 (size 2), or times 9 and a power of two (size 4). The
 * nine is taken out by a multiplication with its inverse modulo 2^32.
 * `size` and `form` are always literals, so that all branches on them vanish. */
#ifndef EW_WINOGRAD_H
#define EW_WINOGRAD_H
#include "ew_winograd_dsp.h"

#define EW_UNROLL _Pragma("GCC unroll 8")
#define EW_INVERSE_OF_9 954437177

enum {
  EW_FORM_RELU,
  EW_FORM_LINEAR,
  EW_FORM_BOUNDED,
  EW_FORM_GENERAL,
  EW_FORM_STEP_RELU,
  EW_FORM_STEP_LINEAR
};

/* Requantization of a channel. */
typedef struct {
  int32_t bias; /* times what the outputs come times, as the sum at point (1, 1) takes it */
  int32_t multiplier;
  int32_t shift;  /* step_linear: what negative sums add to the addend */
  int32_t addend; /* relu, linear: 2^(shift - 1) + (zero point << shift) */
} ew_winograd_channel;

/* B of pairs of channels, in place: d[size + 2]. */
EW_INLINE void ew_winograd_points(int32_t size, uint32_t *d) {
  uint32_t c = ew_pair_subtract(d[3], d[1]), twice, four;
  if (size == 2) {
    d[0] = ew_pair_subtract(d[0], d[2]);
    four = ew_pair_add(d[1], d[2]);
    d[2] = ew_pair_subtract(d[2], d[1]);
    d[1] = four;
    d[3] = c;
    return;
  }
  uint32_t e = ew_pair_subtract(d[4], d[2]);
  /* (-4, -4, 1, 1) and (4, -4, -1, 1) of d[1..4] */
  twice = ew_pair_add(d[1], d[1]), four = ew_pair_add(twice, twice);
  uint32_t a = ew_pair_subtract(d[3], four);
  twice = ew_pair_add(d[2], d[2]), four = ew_pair_add(twice, twice);
  uint32_t b = ew_pair_subtract(d[4], four);
  /* (4, 0, -5, 0, 1) */
  twice = ew_pair_subtract(d[0], d[2]);
  twice = ew_pair_add(twice, twice);
  d[0] = ew_pair_add(ew_pair_add(twice, twice), e);
  /* (4, 0, -5, 0, 1) of d[1..5] */
  twice = ew_pair_add(c, c);
  d[5] = ew_pair_subtract(ew_pair_subtract(d[5], d[3]), ew_pair_add(twice, twice));
  d[1] = ew_pair_add(b, a);
  d[2] = ew_pair_subtract(b, a);
  d[3] = ew_pair_add(e, twice);
  d[4] = ew_pair_subtract(e, twice);
}

/* G of pairs of channels: d[3] becomes d[size + 2]. */
EW_INLINE void ew_winograd_weights(int32_t size, uint32_t *d) {
  uint32_t a = ew_pair_add(d[0], d[2]), b = d[1], c = d[2], twice = ew_pair_add(c, c);
  d[1] = ew_pair_add(a, b);
  d[2] = ew_pair_subtract(a, b);
  uint32_t start = ew_pair_add(d[0], d[0]);
  if (size == 2) {
    d[0] = start;
    d[3] = twice;
    return;
  }
  uint32_t four = ew_pair_add(twice, twice);
  a = ew_pair_add(d[0], four), b = ew_pair_add(b, b);
  d[3] = ew_pair_add(a, b);
  d[4] = ew_pair_subtract(a, b);
  d[5] = ew_pair_add(four, twice);
  d[0] = ew_pair_add(start, ew_pair_add(start, start));
}

/* A: m[size + 2] becomes m[size]. Rows 2 to 4 of the matrix for size 4 are taken over 2, 4 and 4. */
EW_INLINE void ew_winograd_outputs(int32_t size, uint32_t *m) {
  uint32_t p = m[1] + m[2], q = m[2] - m[1];
  if (size == 2) {
    m[0] = m[0] + p;
    m[1] = m[3] - q;
    return;
  }
  uint32_t r = m[3] + m[4], s = m[3] - m[4];
  m[0] = m[0] + r - 4 * p;
  m[1] = 2 * q + s;
  m[2] = r - p;
  m[3] = q + 2 * s + m[5];
}

/* n rows of pixels to n rows of points, column by column: to[columns][2 pairs][n], of four channels. */
EW_INLINE void ew_winograd_columns(int32_t size, const int8_t *x, uint32_t *to, const uint32_t *end, int32_t row_bytes,
                                   int32_t channels) {
  const int32_t n = size + 2;
  for (; to != end; to += 2 * n, x += channels) {
    uint32_t bytes[6], d[6];
    EW_UNROLL for (int32_t i = 0; i < n; i++) bytes[i] = ew_load_word(x + i * row_bytes);
    EW_UNROLL for (int32_t i = 0; i < n; i++) d[i] = ew_pair_even(bytes[i]);
    ew_winograd_points(size, d);
    EW_UNROLL for (int32_t i = 0; i < n; i++) to[i] = d[i];
    EW_UNROLL for (int32_t i = 0; i < n; i++) d[i] = ew_pair_odd(bytes[i]);
    ew_winograd_points(size, d);
    EW_UNROLL for (int32_t i = 0; i < n; i++) to[n + i] = d[i];
  }
}

/* A pair of channels of a tile of those, n columns, to its n x n points: v[n * n] in steps of four words. */
EW_INLINE void ew_winograd_tile(int32_t size, const uint32_t *from, uint32_t *v) {
  const int32_t n = size + 2;
  for (const uint32_t *end = from + n; from != end; from++, v += 4 * n) {
    uint32_t d[6];
    EW_UNROLL for (int32_t j = 0; j < n; j++) d[j] = from[2 * n * j];
    ew_winograd_points(size, d);
    EW_UNROLL for (int32_t j = 0; j < n; j++) v[4 * j] = d[j];
  }
}

/* Nine taps of four channels of an output channel to points: u[2 pairs][n * n] in steps of two words. */
EW_INLINE void ew_winograd_expand(int32_t size, const uint32_t *w, uint32_t *u) {
  const int32_t n = size + 2;
  for (int32_t pair = 0; pair < 2; pair++, u += 2 * n * n) {
    uint32_t half[3][6], d[6];
    EW_UNROLL for (int32_t j = 0; j < 3; j++) {
      EW_UNROLL for (int32_t i = 0; i < 3; i++) d[i] = pair ? ew_pair_odd(w[3 * i + j]) : ew_pair_even(w[3 * i + j]);
      ew_winograd_weights(size, d);
      EW_UNROLL for (int32_t i = 0; i < n; i++) half[j][i] = d[i];
    }
    for (int32_t i = 0; i < n; i++) {
      EW_UNROLL for (int32_t j = 0; j < 3; j++) d[j] = half[j][i];
      ew_winograd_weights(size, d);
      EW_UNROLL for (int32_t j = 0; j < n; j++) u[(n * i + j) * 2] = d[j];
    }
  }
}

/* Requantize twice the sum. */
EW_INLINE int8_t ew_winograd_requantize(int32_t form, int32_t doubled, ew_winograd_channel k,
                                        const int32_t *output) {
  if (form == EW_FORM_RELU || form == EW_FORM_LINEAR) {
    int32_t addend = form == EW_FORM_RELU ? k.addend : k.addend + (doubled >> 31);
    return (int8_t)ew_saturate_s8(ew_high_add(doubled, k.multiplier, addend) >> k.shift);
  }
  int32_t a = doubled >> 1;
  if (form == EW_FORM_BOUNDED)
    return ew_requantize_bounded(a, k.multiplier, k.shift, output[0], output[1], output[2]);
  return ew_requantize(a, k.multiplier, k.shift, output[0], output[1], output[2]);
}

/* The steps that were found for a sum z, which comes times 9 << (6 - halvings). */
EW_INLINE int8_t ew_winograd_step(int32_t form, int32_t z, int32_t halvings, ew_winograd_channel k, int32_t shift) {
  int32_t addend = form == EW_FORM_STEP_RELU ? k.addend : k.addend + (k.shift & (z >> 31));
  int32_t v = addend + (int32_t)(((int64_t)z * (k.multiplier << halvings)) >> 32);
  return (int8_t)ew_saturate_s8(v >> shift);
}

/* The outputs of a tile in one channel: sums [n * n] in steps of 8, y in steps of `row` and `column`. */
EW_INLINE void ew_winograd_finish(int32_t size, int32_t form, const int32_t *sums, ew_winograd_channel k,
                                  const int32_t *output, int8_t *y, int32_t row, int32_t column) {
  const int32_t n = size + 2;
  uint32_t half[6][4], m[6];
  for (int32_t i = 0; i < n; i++, sums += 8 * n) {
    EW_UNROLL for (int32_t j = 0; j < n; j++) m[j] = (uint32_t)sums[8 * j];
    if (i == 1) m[1] += (uint32_t)k.bias;
    ew_winograd_outputs(size, m);
    EW_UNROLL for (int32_t j = 0; j < size; j++) half[i][j] = m[j];
  }
  EW_UNROLL for (int32_t j = 0; j < size; j++) {
    EW_UNROLL for (int32_t i = 0; i < n; i++) m[i] = half[i][j];
    ew_winograd_outputs(size, m);
    EW_UNROLL for (int32_t i = 0; i < size; i++) {
      /* The factors of rows and columns, over 3: 8, 4, 2, 2. */
      const int32_t shift = size == 2 ? 1 : (i > 2 ? 1 : 3 - i) + (j > 2 ? 1 : 3 - j) - 1;
      int32_t a = size == 2 ? (int32_t)m[i] : (int32_t)(m[i] * EW_INVERSE_OF_9);
      y[i * row + j * column] = form == EW_FORM_STEP_RELU || form == EW_FORM_STEP_LINEAR
                                    ? ew_winograd_step(form, (int32_t)m[i], 5 - shift, k, output[3])
                                    : ew_winograd_requantize(form, a >> shift, k, output);
    }
  }
}
#endif
