/* Counters of mismatches in planes (ew_binary_run.h), for words of 32 channels or vectors of them.
 *
 * Taps outside the input read the pixel `fill`; where that is null they are left out. */
#ifndef EW_BINARY_PLANES_H
#define EW_BINARY_PLANES_H
#include "ew_binary_run.h"

#define EW_BINARY_PLANES 18 /* counts below 2^17, and one plane more */

typedef struct {
  int32_t columns, words, channels; /* of the input: pixels of a row, words and channels of a pixel */
  int32_t halves;                   /* groups of 16 channels of a pixel */
  int32_t height, width, stride, dilation, pad_left;
  int32_t out_columns, outputs;
  int32_t pitch; /* words (of signs) or channels from one output pixel to the next */
  int32_t top;   /* last plane, at least 4 */
} ew_binary_window;

/* NAME_carry: full adder of a plane and two words of its weight; the sum replaces the plane. Returns the carry.
 * NAME_pairs: adds words to the plane of their weight; the carries replace them. Returns how many there are.
 * NAME_eights: the same over three planes, eight words at a time.
 * NAME_pixel: counts the mismatches of the window from `column` on; returns the number of taps left out.
 * NAME_offset: adds a number, and 1 where `carry` has a bit, to all counts. */
#define EW_BINARY_COUNTERS(NAME, WORD)                                                                          \
  EW_INLINE WORD NAME##_carry(WORD *plane, WORD a, WORD b) {                                                    \
    WORD u = a ^ b, carry = *plane ^ ((a ^ *plane) & ~u);                                                       \
    *plane ^= u;                                                                                                \
    return carry;                                                                                               \
  }                                                                                                             \
  EW_INLINE int32_t NAME##_pairs(WORD *plane, WORD *v, int32_t count) {                                         \
    WORD *out = v;                                                                                              \
    for (int32_t i = 1; i < count; i += 2) *out++ = NAME##_carry(plane, v[i - 1], v[i]);                        \
    if (count & 1) *out++ = NAME##_carry(plane, v[count - 1], (WORD){0});                                       \
    return (int32_t)(out - v);                                                                                  \
  }                                                                                                             \
  EW_NOINLINE int32_t NAME##_eights(WORD *planes, WORD *v, int32_t count) {                                     \
    WORD ones = planes[0], twos = planes[1], fours = planes[2], *out = v;                                       \
    const WORD *in = v;                                                                                         \
    for (; count >= 8; count -= 8, in += 8) {                                                                   \
      WORD a = NAME##_carry(&ones, in[0], in[1]), b = NAME##_carry(&ones, in[2], in[3]);                        \
      WORD low = NAME##_carry(&twos, a, b);                                                                     \
      a = NAME##_carry(&ones, in[4], in[5]), b = NAME##_carry(&ones, in[6], in[7]);                             \
      *out++ = NAME##_carry(&fours, low, NAME##_carry(&twos, a, b));                                            \
    }                                                                                                           \
    planes[0] = ones, planes[1] = twos, planes[2] = fours;                                                      \
    if (count) {                                                                                                \
      WORD rest[8];                                                                                             \
      for (int32_t i = 0; i < count; i++) rest[i] = in[i];                                                      \
      for (int32_t i = 0; i < 3; i++) count = NAME##_pairs(planes + i, rest, count);                            \
      *out++ = rest[0];                                                                                         \
    }                                                                                                           \
    return (int32_t)(out - v);                                                                                  \
  }                                                                                                             \
  EW_NOINLINE int32_t NAME##_pixel(const void *const *rows, int32_t column, const ew_binary_window *g,          \
                                   const WORD *w, const uint32_t *fill, WORD *planes, WORD *scratch) {          \
    WORD *next = scratch;                                                                                       \
    int32_t left_out = 0, tap = 16 * g->halves;                                                                 \
    int32_t whole = column >= 0 && column + g->width <= g->columns;                                             \
    int32_t joined = whole && g->dilation == 1 && g->halves == 2 * g->words;                                    \
    for (int32_t ky = 0; ky < g->height; ky++) {                                                                \
      const uint32_t *row = (const uint32_t *)rows[ky];                                                         \
      if (row && joined) {                                                                                      \
        next = NAME##_run(planes, row + column * g->words, w, g->width * g->halves, next);                      \
        w += g->width * tap;                                                                                    \
        continue;                                                                                               \
      }                                                                                                         \
      for (int32_t kx = 0, c = column; kx < g->width; kx++, c += g->dilation, w += tap) {                       \
        const uint32_t *x = row && c >= 0 && c < g->columns ? row + c * g->words : fill;                        \
        if (x) next = NAME##_run(planes, x, w, g->halves, next);                                                \
        else left_out++;                                                                                        \
      }                                                                                                         \
    }                                                                                                           \
    int32_t p = 4, count = (int32_t)(next - scratch);                                                           \
    for (; count >= 8 && p + 2 <= g->top; p += 3) count = NAME##_eights(planes + p, scratch, count);            \
    for (; count && p <= g->top; p++) count = NAME##_pairs(planes + p, scratch, count);                         \
    return left_out;                                                                                            \
  }                                                                                                             \
  EW_NOINLINE void NAME##_offset(WORD *planes, int32_t top, uint32_t number, WORD carry) {                      \
    for (int32_t p = 0; p <= top; p++, number >>= 1)                                                            \
      carry = NAME##_carry(planes + p, (WORD){0} - (number & 1u), carry);                                       \
  }

/* NAME_bits: output as signs. Counts begin at 2^top - 1 - m, where m are the most mismatches whose sum reaches the
 * threshold: bit `top` says that there were more. A tap left out counts half a mismatch for every channel.
 * start: of each block of channels planes 0 to top, then where threshold and all terms are both even or both odd. */
#define EW_BINARY_CONV(NAME, WORD, LANES)                                                                       \
  EW_BINARY_COUNTERS(NAME, WORD)                                                                                \
  EW_NOINLINE void NAME##_bits(const void *const *rows, uint32_t *out, const ew_binary_window *g, const WORD *w, \
                               const WORD *start, const uint32_t *fill, WORD *scratch) {                        \
    int32_t taps = g->height * g->width;                                                                        \
    for (int32_t o = 0; o < g->outputs; o += 32 * LANES, w += 16 * g->halves * taps, start += g->top + 2) {     \
      int32_t words = (g->outputs - o + 31) / 32 < LANES ? (g->outputs - o + 31) / 32 : LANES;                  \
      uint32_t *y = out + o / 32;                                                                               \
      for (int32_t p = 0, column = -g->pad_left; p < g->out_columns; p++, column += g->stride, y += g->pitch) { \
        WORD planes[EW_BINARY_PLANES];                                                                          \
        for (int32_t i = 0; i <= g->top; i++) planes[i] = start[i];                                             \
        uint32_t missing = (uint32_t)(g->channels * NAME##_pixel(rows, column, g, w, fill, planes, scratch));   \
        WORD odd = {0};                                                                                         \
        if (missing & 1u) odd = start[g->top + 1];                                                              \
        if (missing) NAME##_offset(planes, g->top, missing >> 1, odd);                                          \
        uint32_t found[LANES];                                                                                  \
        memcpy(found, &planes[g->top], sizeof found);                                                           \
        for (int32_t i = 0; i < words; i++) y[i] = ~found[i];                                                   \
      }                                                                                                         \
    }                                                                                                           \
  }

/* NAME_<form>: output as int8, requantized sum * factor + bias. k: biases, multipliers and shifts, each of `pitch`
 * channels; factors of neighbouring pixels are `step` apart. */
#define EW_BINARY_S8(NAME, FORM, WORD, LANES)                                                                   \
  EW_NOINLINE void NAME##_##FORM(const void *const *rows, int8_t *out, const ew_binary_window *g, const WORD *w, \
                                 const int32_t *k, const uint32_t *fill, WORD *scratch, const int32_t *factors, \
                                 int32_t step, const ew_output *y) {                                            \
    int32_t taps = g->height * g->width;                                                                        \
    for (int32_t o = 0; o < g->outputs; o += 32 * LANES, w += 16 * g->halves * taps) {                          \
      for (int32_t p = 0, column = -g->pad_left; p < g->out_columns; p++, column += g->stride) {                \
        WORD planes[EW_BINARY_PLANES];                                                                          \
        memset(planes, 0, sizeof planes);                                                                       \
        int32_t terms = g->channels * (taps - NAME##_pixel(rows, column, g, w, fill, planes, scratch));         \
        const uint32_t *lanes = (const uint32_t *)planes;                                                       \
        for (int32_t i = 0, n = o; i < LANES && n < g->outputs; i++, n += 32)                                   \
          ew_binary_finish_##FORM(lanes + i, LANES, terms, g, k + n, factors[p * step], g->outputs - n,         \
                           out + p * g->pitch + n, y);                                                          \
      }                                                                                                         \
    }                                                                                                           \
  }
#endif
