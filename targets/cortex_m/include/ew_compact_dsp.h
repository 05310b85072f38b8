/* Convolutions and depthwise convolutions in as little code as possible: one function for all layers of a
 * kind, everything about a layer is data. Tiles of two channels and three pixels; the last tile of a row
 * repeats its last pixel. Rows outside the tensor come as null pointers.
 *
 * Requantization of every layer: with A = 2 * sum and a right shift of s1 + 1,
 *
 *   y = clamp((A * multiplier + rounding + ((2 * zero_point + 1) * 2^s1 + (A < 0 ? twice : 0)) * 2^32) >> (33 + s1))
 *
 * where for layers that round twice (twice = -1) rounding is 2^31, for others (twice = 0) 0. */
#ifndef EW_COMPACT_DSP_H
#define EW_COMPACT_DSP_H
#include "ew_depthwise.h"
#if defined(__ARM_FEATURE_DSP)
#include "ew_dot_dsp.h"
#endif

typedef struct {
  int16_t columns, channels; /* of the input; channels of one group */
  int16_t height, width, dilation, stride, pad_left; /* horizontal but for the height */
  int16_t out_columns, groups, outputs; /* outputs of one group */
  int16_t input_zero_point, zero_point, low, high, twice;
} ew_compact;

/* Requantize `count` channels of some pixels. acc: [pixels][tile]; k: bias, multiplier, s1, each [tile];
 * stride: bytes from one output pixel to the next. */
EW_NOINLINE void ew_compact_finish(const int32_t *acc, const int32_t *k, int8_t *out, int32_t tile, int32_t count,
                                   int32_t pixels, int32_t stride, const ew_compact *g) {
  int32_t twice = g->twice, low = g->low, high = g->high, constant = 2 * g->zero_point + 1;
  for (; count > 0; count--, acc++, k++, out++) {
    int32_t m = k[tile], s1 = k[2 * tile], addend = constant * (1 << s1);
    const int32_t *a = acc;
    int8_t *y = out;
    for (int32_t p = 0; p < pixels; p++, a += tile, y += stride) {
      int32_t doubled = *a * 2, t = addend + ((doubled >> 31) & twice);
      uint64_t start = (uint64_t)(uint32_t)t << 32 | (uint32_t)twice << 31;
      int32_t v = (int32_t)(((int64_t)start + (int64_t)doubled * m) >> 32) >> (s1 + 1);
      *y = (int8_t)ew_clamp(v, low, high);
    }
  }
}

/* acc[3][2] of two channels and three pixels: acc = bias + sum x w. w: [quads][2][4], x: [quads][3][4] in the
 * order of ew_gather.h. */
#if defined(__ARM_FEATURE_DSP)
/* Two quads a turn; of an odd number the first turn begins in the middle. */
EW_NAKED void ew_compact_dot(const int8_t *w EW_UNUSED, const int16_t *x EW_UNUSED, const int32_t *k EW_UNUSED,
                             int32_t *acc EW_UNUSED, int32_t quads EW_UNUSED) {
  __asm volatile("push {r3-r11, lr}\n ldr r12, [sp, #40]\n add lr, r0, r12, lsl #3\n push {r12, lr}\n" EW_BIAS_3
                 "lsls r12, r12, #31\n bne 2f\n"
                 "1:\n" EW_STEP_3 "2:\n" EW_STEP_3
                 "ldr r12, [sp, #4]\n cmp r0, r12\n bne 1b\n"
                 "ldr r3, [sp, #8]\n stmia r3, {r4-r9}\n add sp, #12\n pop {r4-r11, pc}\n");
}
#else
EW_NOINLINE void ew_compact_dot(const int8_t *w, const int16_t *x, const int32_t *k, int32_t *acc, int32_t quads) {
  static const int32_t place[4] = {0, 2, 1, 3};
  for (int32_t n = 0; n < 6; n++) {
    acc[n] = k[n % 2];
    for (int32_t q = 0; q < quads; q++)
      for (int32_t i = 0; i < 4; i++) acc[n] += x[12 * q + 4 * (n / 2) + i] * w[8 * q + 4 * (n % 2) + place[i]];
  }
}
#endif

/* The receptive field of a pixel from input column `column` on: where it lies in one piece, else a copy. */
EW_NOINLINE const int8_t *ew_compact_field(const void *const *rows, int8_t *line, int32_t column, int32_t channel,
                                           const ew_compact *g) {
  int32_t parts = g->width, size = g->channels, pixel = size * g->groups;
  int8_t *d = line;
  if (g->dilation == 1 && g->groups == 1 && column >= 0 && column + parts <= g->columns) {
    size *= parts;
    parts = 1;
  }
  for (int32_t ky = 0; ky < g->height; ky++) {
    const int8_t *row = (const int8_t *)rows[ky];
    for (int32_t kx = 0, c = column; kx < parts; kx++, c += g->dilation) {
      if (row && c >= 0 && c < g->columns) {
        const int8_t *p = row + c * pixel + channel;
        /* Whole quads are read. */
        if (parts * g->height == 1 && size % 4 == 0) return p;
        d = ew_copy(d, p, size);
      } else {
        for (int32_t i = 0; i < size; i++) *d++ = (int8_t)g->input_zero_point;
      }
    }
  }
  return line;
}

/* c: geometry; weights int8 [groups][pairs][quads][2][4]; int32 [groups][pairs][3][2] as in ew_compact_finish.
 * scratch: int16 [quads][3][4], int8 [quads][4]. */
EW_NOINLINE void ew_conv_compact(const void *const *rows, int8_t *out, const void *const *c, int16_t *x) {
  const ew_compact *g = (const ew_compact *)c[0];
  int32_t quads = (g->height * g->width * g->channels + 3) / 4, total = g->groups * g->outputs;
  for (int32_t rest = g->out_columns, column = -g->pad_left; rest > 0; rest -= 3, column += 3 * g->stride) {
    const int8_t *w = (const int8_t *)c[1];
    const int32_t *k = (const int32_t *)c[2];
    int32_t pixels = rest < 3 ? rest : 3;
    int8_t *y = out;
    for (int32_t group = 0; group < g->groups; group++) {
      for (int32_t p = 0, at = column; p < 3; p++) {
        const int8_t *field = ew_compact_field(rows, (int8_t *)(x + 12 * quads), at, group * g->channels, g);
        ew_widen(field, x + 4 * p, 4 * quads, 12);
        if (p + 1 < pixels) at += g->stride;
      }
      for (int32_t left = g->outputs; left > 0; left -= 2, w += 8 * quads, k += 6) {
        int32_t acc[6], count = left < 2 ? left : 2;
        ew_compact_dot(w, x, k, acc, quads);
        ew_compact_finish(acc, k, y, 2, count, pixels, total, g);
        y += count;
      }
    }
    out += 3 * total;
  }
}

/* At least four channels; of the last ones, if they are no four, four are computed that end with them.
 * c: geometry; weights int8 [quads][taps][4]; int32 [quads][3][4]. scratch: pointers [taps], int8 [channels]. */
EW_NOINLINE void ew_depthwise_compact(const void *const *rows, int8_t *out, const void *const *c, void *scratch) {
  const ew_compact *g = (const ew_compact *)c[0];
  int32_t channels = g->channels;
  const int8_t **taps = (const int8_t **)scratch;
  int8_t *fill = (int8_t *)(taps + g->height * g->width);
  memset(fill, g->input_zero_point, (uint32_t)channels);
  for (int32_t x = 0, column = -g->pad_left; x < g->out_columns; x++, column += g->stride, out += channels) {
    const int8_t **tap = taps, *q = (const int8_t *)c[1];
    const int32_t *k = (const int32_t *)c[2];
    for (int32_t ky = 0; ky < g->height; ky++) {
      const int8_t *row = (const int8_t *)rows[ky];
      for (int32_t kx = 0, at = column; kx < g->width; kx++, at += g->dilation)
        *tap++ = row && at >= 0 && at < g->columns ? row + at * channels : fill;
    }
    for (int32_t first = 0; first < channels; first += 4, k += 12) {
      int32_t channel = first + 4 <= channels ? first : channels - 4;
      int32_t a0 = k[0], a1 = k[1], a2 = k[2], a3 = k[3];
      for (const int8_t **t = taps; t != tap; t++, q += 4) {
        const int8_t *p = *t + channel;
        EW_QUAD_MULTIPLY(p, q)
      }
      int32_t acc[4] = {a0, a1, a2, a3};
      ew_compact_finish(acc, k, out + channel, 4, 4, 1, 0, g);
    }
  }
}
#endif
