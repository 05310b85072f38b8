/* Depthwise convolution for Helium, channel by channel: see strip_mve.py, which makes the function for the taps.
 *
 * The input is spread over strips, one a channel, `pitch` bytes apart: pixel i of line y lies at byte
 * `across * i + y`, where `across` lines are needed at a time. The taps of an output are neighbours there. A new
 * line overwrites one that no output needs any more: its places are those of the line `across` above it, a pixel
 * further. */
#ifndef EW_STRIP_MVE_H
#define EW_STRIP_MVE_H
#include "ew_rows_mve.h"

typedef struct {
  uint16_t offsets[8];   /* of eight outputs of a channel */
  int16_t zero_point[8]; /* of the output */
  int32_t channels;
} ew_strip;

/* strips, outputs, {bias, multiplier, shift, weights} of every channel */
#define EW_STRIP_ARGUMENTS_MVE                                                                    \
  int8_t *t EW_UNUSED_MVE, int8_t *out EW_UNUSED_MVE, const int8_t *k EW_UNUSED_MVE, const ew_strip *g EW_UNUSED_MVE
typedef void ew_strip_function(int8_t *t, int8_t *out, const int8_t *k, const ew_strip *g);

typedef struct {
  int32_t channels, pitch, across; /* across: bytes from pixel to pixel of a strip */
  int32_t left, count, right;      /* pixels of padding, of a line, of padding */
  int32_t step;                    /* bytes from pixel to pixel */
  int32_t zero_point;              /* of the input */
} ew_spread;

/* `count` pixels of padding for the channels of a block. */
EW_INLINE void ew_spread_pad_mve(int8_t *t, int32_t count, uint16x8_t offsets, mve_pred16_t exist, const ew_spread *g) {
  int16x8_t v = vdupq_n_s16((int16_t)g->zero_point);
  for (; count > 0; count--, t += g->across) vstrbq_scatter_offset_p_s16(t, offsets, v, exist);
}

/* One line to its place in the strips; x null is a line of padding. */
EW_NOINLINE void ew_spread_mve(const int8_t *x, int8_t *t, const ew_spread *g) {
  uint16x8_t offsets = vmulq_n_u16(vidupq_n_u16(0, 1), (uint16_t)g->pitch);
  int32_t across = g->across, step = g->step, block = 8 * g->pitch, channels = g->channels;
  int32_t left = x ? g->left : g->left + g->count + g->right, count = x ? g->count : 0, right = x ? g->right : 0;
  if (left | right) {
    int8_t *d = t;
    for (int32_t n = channels; n > 0; n -= 8, d += block) {
      mve_pred16_t exist = vctp16q((uint32_t)n);
      ew_spread_pad_mve(d, left, offsets, exist, g);
      ew_spread_pad_mve(d + (left + count) * across, right, offsets, exist, g);
    }
  }
  if (!x) return;
  t += left * across;
  /* Four blocks of channels at a time; their places differ by a constant. */
  uint16x8_t o1 = vaddq_n_u16(offsets, (uint16_t)block), o2 = vaddq_n_u16(o1, (uint16_t)block);
  uint16x8_t o3 = vaddq_n_u16(o2, (uint16_t)block);
  for (; channels >= 32; channels -= 32, x += 32, t += 4 * block) {
    const int8_t *s = x;
    int8_t *d = t;
    for (int32_t n = count; n > 0; n--, s += step, d += across) {
      int16x8_t v0 = vldrbq_s16(s), v1 = vldrbq_s16(s + 8), v2 = vldrbq_s16(s + 16), v3 = vldrbq_s16(s + 24);
      vstrbq_scatter_offset_s16(d, offsets, v0);
      vstrbq_scatter_offset_s16(d, o1, v1);
      vstrbq_scatter_offset_s16(d, o2, v2);
      vstrbq_scatter_offset_s16(d, o3, v3);
    }
  }
  for (; channels >= 16; channels -= 16, x += 16, t += 2 * block) {
    const int8_t *s = x;
    int8_t *d = t;
    for (int32_t n = count; n > 0; n--, s += step, d += across) {
      int16x8_t v0 = vldrbq_s16(s), v1 = vldrbq_s16(s + 8);
      vstrbq_scatter_offset_s16(d, offsets, v0);
      vstrbq_scatter_offset_s16(d, o1, v1);
    }
  }
  for (; channels > 0; channels -= 8, x += 8, t += block) {
    mve_pred16_t exist = vctp16q((uint32_t)channels);
    const int8_t *s = x;
    int8_t *d = t;
    for (int32_t n = count; n > 0; n--, s += step, d += across)
      vstrbq_scatter_offset_p_s16(d, offsets, vldrbq_z_s16(s, exist), exist);
  }
}

/* All output lines of a tensor, `at_once` at a time, from lines `line` bytes apart; the first is `pad` lines above
 * it. Where the last ones are fewer, some are computed again. */
EW_INLINE void ew_strip_lines_mve(ew_strip_function *strip, const ew_spread *s, const ew_strip *g, const int8_t *x,
                                  const int8_t *k, int8_t *t, int8_t *out, int32_t lines, int32_t line, int32_t pad,
                                  int32_t out_lines, int32_t stride, int32_t out_line, int32_t at_once) {
  int32_t next = 0;
  for (int32_t o = 0; o < out_lines; o += at_once) {
    int32_t first = o + at_once <= out_lines ? o : out_lines - at_once;
    for (; next < first * stride + s->across; next++) {
      int32_t y = next - pad;
      ew_spread_mve(y >= 0 && y < lines ? x + y * line : 0, t + next, s);
    }
    strip(t + first * stride, out + first * out_line, k, g);
  }
}

/* One output line of some rows. */
EW_INLINE void ew_strip_row_mve(ew_strip_function *strip, const ew_spread *s, const ew_strip *g,
                                const void *const *rows, const int8_t *k, int8_t *t, int8_t *out) {
  for (int32_t y = 0; y < s->across; y++) ew_spread_mve((const int8_t *)rows[y], t + y, s);
  strip(t, out, k, g);
}
#endif
