/* Receptive fields of P neighbouring output pixels, widened to int16 and interleaved for the dot
 * product micro-kernels: x[quad][P][4]; a quad is 4 consecutive elements of (ky, kx, channel) in the
 * order 0, 2, 1, 3 (what SXTB16 yields). Elements past the last stay undefined: their weights are 0. */
#ifndef EW_GATHER_H
#define EW_GATHER_H
#include "ew_math.h"
#if defined(__ARM_FEATURE_MVE)
#include <arm_mve.h>
#endif

typedef struct {
  int32_t columns;      /* input columns */
  int32_t pixel;        /* bytes from one input column to the next */
  int32_t channels;     /* channels gathered per column (of one group) */
  int32_t height, width, dilation; /* of the kernel; dilation is horizontal */
  int32_t zero_point;   /* value of a padding column */
} ew_window;

#if defined(__ARM_FEATURE_DSP)
EW_INLINE void ew_widen_quad(uint32_t v, int16_t *x) {
  uint32_t even, odd;
  __asm("sxtb16 %0, %1" : "=r"(even) : "r"(v));
  __asm("sxtb16 %0, %1, ror #8" : "=r"(odd) : "r"(v));
  uint32_t pair[2] = {even, odd};
  memcpy(__builtin_assume_aligned(x, 4), pair, 8);
}
EW_INLINE uint32_t ew_load_quad(const int8_t *p) {
  uint32_t v;
  memcpy(&v, p, 4);
  return v;
}
/* Widen `count` bytes (a multiple of 4) into quads `step` int16 apart; returns the next quad. */
EW_NOINLINE int16_t *ew_widen(const int8_t *p, int16_t *x, int32_t count, int32_t step) {
  const int8_t *end = p + count;
  if (count & 4) {
    ew_widen_quad(ew_load_quad(p), x);
    p += 4;
    x += step;
  }
  while (p != end) {
    ew_widen_quad(ew_load_quad(p), x);
    x += step;
    ew_widen_quad(ew_load_quad(p + 4), x);
    x += step;
    p += 8;
  }
  return x;
}
#else
EW_NOINLINE int16_t *ew_widen(const int8_t *p, int16_t *x, int32_t count, int32_t step) {
  for (const int8_t *end = p + count; p != end; p += 4, x += step) {
    x[0] = p[0];
    x[1] = p[2];
    x[2] = p[1];
    x[3] = p[3];
  }
  return x;
}
#endif

/* Copy `count` bytes; returns the end. Words need not be aligned where the core allows it. */
EW_INLINE int8_t *ew_copy(int8_t *d, const int8_t *p, int32_t count) {
#if defined(__ARM_FEATURE_MVE)
  for (; count >= 16; count -= 16, d += 16, p += 16) vst1q_s8(d, vld1q_s8(p));
#endif
#if defined(__ARM_FEATURE_UNALIGNED)
  for (; count >= 4; count -= 4, d += 4, p += 4) __builtin_memcpy(d, p, 4);
#endif
  for (; count > 0; count--) *d++ = *p++;
  return d;
}

/* Channels in multiples of 4. `channel`: first channel of the group. */
EW_NOINLINE void ew_gather(const void *const *rows, int16_t *x, int32_t column, int32_t pixels, int32_t stride,
                           int32_t channel, const ew_window *w) {
  int32_t step = 4 * pixels;
  int32_t run = w->channels * w->width;
  int32_t whole = w->dilation == 1 && w->pixel == w->channels;
  uint32_t fill = (uint8_t)w->zero_point * 0x01010101u;
  for (int32_t p = 0; p < pixels; p++, column += stride, x += 4) {
    int16_t *d = x;
    for (int32_t ky = 0; ky < w->height; ky++) {
      const int8_t *row = (const int8_t *)rows[ky] + channel;
      if (whole && column >= 0 && column + w->width <= w->columns) {
        d = ew_widen(row + column * w->pixel, d, run, step);
        continue;
      }
      for (int32_t kx = 0, c = column; kx < w->width; kx++, c += w->dilation) {
        if (c >= 0 && c < w->columns) {
          d = ew_widen(row + c * w->pixel, d, w->channels, step);
        } else {
          for (int32_t i = 0; i < w->channels; i += 4, d += step) ew_widen((const int8_t *)&fill, d, 4, 0);
        }
      }
    }
  }
}

/* The receptive field of one output pixel as int8, (ky, kx, channel) in order. */
EW_INLINE void ew_line_up(const void *const *rows, int8_t *d, int32_t column, int32_t channel, const ew_window *w) {
  int32_t whole = w->dilation == 1 && w->pixel == w->channels && column >= 0 && column + w->width <= w->columns;
  for (int32_t ky = 0; ky < w->height; ky++) {
    const int8_t *row = (const int8_t *)rows[ky] + channel;
    if (whole) {
      d = ew_copy(d, row + column * w->pixel, w->channels * w->width);
      continue;
    }
    for (int32_t kx = 0, c = column; kx < w->width; kx++, c += w->dilation) {
      if (c >= 0 && c < w->columns) {
        d = ew_copy(d, row + c * w->pixel, w->channels);
      } else {
        for (int32_t i = 0; i < w->channels; i++) *d++ = (int8_t)w->zero_point;
      }
    }
  }
}

/* Any number of channels: each receptive field is lined up as int8 behind x, then widened.
 * `depth`: elements of a receptive field, rounded up to a multiple of 4. */
EW_NOINLINE void ew_gather_any(const void *const *rows, int16_t *x, int32_t column, int32_t pixels, int32_t stride,
                               int32_t channel, const ew_window *w, int32_t depth) {
  int8_t *line = (int8_t *)(x + depth * pixels);
  for (int32_t p = 0; p < pixels; p++, column += stride) {
    ew_line_up(rows, line, column, channel, w);
    ew_widen(line, x + 4 * p, depth, 4 * pixels);
  }
}
#endif
