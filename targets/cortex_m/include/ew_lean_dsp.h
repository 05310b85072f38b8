/* Tiles for Armv7E-M and Armv8-M with DSP that read x as int8 and widen it on the way: a half of the
 * scratch memory of ew_dot_dsp.h, or none where the input row itself is read.
 *
 * The distance between the pixels is part of the instructions, since no register is left for it. So
 * tiles are made for a distance: EW_TILE_S8_<requantization>(name, pixels, distance, advance), both in
 * bytes, `advance` from one quad of x to the next. Gathered tiles are x[quad][pixel][4], 4 and
 * 4 * pixels; in place it is the distance of the input's pixels, and 4. x need not be aligned. */
#ifndef EW_LEAN_DSP_H
#define EW_LEAN_DSP_H
#include "ew_dot_dsp.h"
#include "ew_gather_s8.h"

/* Loads stand behind one another where registers allow it: each but the first then takes one cycle. */
#define EW_S8_WEIGHTS                                                                             \
  "sxtb16 r2, r10, ror #8\n sxtb16 r10, r10\n sxtb16 r3, r11, ror #8\n sxtb16 r11, r11\n"
#define EW_S8_PIXEL(a, b)                                                                         \
  "sxtb16 lr, r12\n smlad " a ", r10, lr, " a "\n smlad " b ", r11, lr, " b "\n"                  \
  "sxtb16 r12, r12, ror #8\n smlad " a ", r2, r12, " a "\n smlad " b ", r3, r12, " b "\n"
#define EW_S8_FIRST(advance) "ldr r12, [r1], #" advance "\n" EW_S8_PIXEL("r4", "r5")
#define EW_S8_SECOND(distance)                                                                    \
  "ldr r10, [r0], #8\n ldr r11, [r0, #-4]\n ldr r12, [r1, #" distance "]\n"                       \
  EW_S8_WEIGHTS EW_S8_PIXEL("r6", "r7")
#define EW_S8_THIRD(distance) "ldr r12, [r1, #2*" distance "]\n" EW_S8_PIXEL("r8", "r9")

#define EW_S8_STEP_1(distance, advance) "ldmia r0!, {r10, r11}\n" EW_S8_WEIGHTS EW_S8_FIRST(advance)
#define EW_S8_STEP_2(distance, advance) EW_S8_SECOND(distance) EW_S8_FIRST(advance)
#define EW_S8_STEP_3(distance, advance) EW_S8_SECOND(distance) EW_S8_THIRD(distance) EW_S8_FIRST(advance)

/* Arguments and frame are those of ew_dot_dsp.h. */
#define EW_TILE_S8(NAME, PIXELS, DISTANCE, ADVANCE, LOAD, FINISH)                                 \
  EW_NAKED void NAME(const int8_t *w EW_UNUSED, const int8_t *x EW_UNUSED, const int32_t *k EW_UNUSED, \
                     int8_t *out EW_UNUSED, int32_t quads EW_UNUSED, int32_t stride EW_UNUSED,    \
                     int32_t zero_point EW_UNUSED) {                                              \
    __asm volatile(EW_DOT_ENTER("3", EW_BIAS_##PIXELS)                                            \
                       EW_DOT_LOOPS(EW_S8_STEP_##PIXELS(#DISTANCE, #ADVANCE))                     \
                           LOAD EW_STORE_##PIXELS(FINISH) EW_DOT_LEAVE);                          \
  }
#define EW_TILE_S8_relu(NAME, PIXELS, DISTANCE, ADVANCE) \
  EW_TILE_S8(NAME, PIXELS, DISTANCE, ADVANCE, EW_RELU_LOAD, EW_RELU)
#define EW_TILE_S8_linear(NAME, PIXELS, DISTANCE, ADVANCE) \
  EW_TILE_S8(NAME, PIXELS, DISTANCE, ADVANCE, EW_LINEAR_LOAD, EW_LINEAR)

#define EW_ACC_1 "r4-r5"
#define EW_ACC_2 "r4-r7"
#define EW_ACC_3 "r4-r9"
/* The other requantizations take the accumulators from memory. */
#define EW_TILE_S8_SUMS(NAME, PIXELS, DISTANCE, ADVANCE, FINISH)                                  \
  EW_DOT_DSP(NAME##_sums, int8_t, "3", EW_BIAS_##PIXELS,                                          \
             EW_DOT_LOOPS(EW_S8_STEP_##PIXELS(#DISTANCE, #ADVANCE)), EW_ACC_##PIXELS)             \
  EW_TILE_OF(NAME, NAME##_sums, int8_t, PIXELS, FINISH)
#define EW_TILE_S8_bounded(NAME, PIXELS, DISTANCE, ADVANCE) \
  EW_TILE_S8_SUMS(NAME, PIXELS, DISTANCE, ADVANCE, ew_requantize_bounded)
#define EW_TILE_S8_general(NAME, PIXELS, DISTANCE, ADVANCE) \
  EW_TILE_S8_SUMS(NAME, PIXELS, DISTANCE, ADVANCE, ew_requantize)
#define EW_TILE_S8_once(NAME, PIXELS, DISTANCE, ADVANCE) \
  EW_TILE_S8_SUMS(NAME, PIXELS, DISTANCE, ADVANCE, ew_requantize_once)
#define EW_TILE_S8_once_right(NAME, PIXELS, DISTANCE, ADVANCE) \
  EW_TILE_S8_SUMS(NAME, PIXELS, DISTANCE, ADVANCE, ew_requantize_once_right)

/* Copy `count` bytes (a multiple of 4) as words `step` bytes apart; returns the next place. */
EW_NOINLINE int8_t *ew_spread(const int8_t *p, int8_t *x, int32_t count, int32_t step) {
  const int8_t *end = p + count;
  if (count & 4) {
    memcpy(__builtin_assume_aligned(x, 4), p, 4);
    p += 4;
    x += step;
  }
  for (; p != end; p += 8, x += 2 * step) {
    uint32_t a = ew_load_quad(p), b = ew_load_quad(p + 4);
    memcpy(__builtin_assume_aligned(x, 4), &a, 4);
    memcpy(__builtin_assume_aligned(x + step, 4), &b, 4);
  }
  return x;
}

/* Receptive fields of some neighbouring output pixels: x[quad][pixel][4], channels in multiples of 4. */
EW_NOINLINE void ew_gather_quads(const void *const *rows, int8_t *x, int32_t column, int32_t pixels,
                                 int32_t stride, int32_t channel, const ew_window *w) {
  int32_t step = 4 * pixels, run = w->channels * w->width;
  int32_t whole = w->dilation == 1 && w->pixel == w->channels;
  for (int32_t p = 0; p < pixels; p++, column += stride) {
    int8_t *d = x + 4 * p;
    for (int32_t ky = 0; ky < w->height; ky++) {
      const int8_t *row = (const int8_t *)rows[ky] + channel;
      if (whole && column >= 0 && column + w->width <= w->columns) {
        d = ew_spread(row + column * w->pixel, d, run, step);
        continue;
      }
      for (int32_t kx = 0, c = column; kx < w->width; kx++, c += w->dilation) {
        if (c >= 0 && c < w->columns) {
          d = ew_spread(row + c * w->pixel, d, w->channels, step);
        } else {
          for (int32_t i = 0; i < w->channels; i += 4, d += step) memset(d, w->zero_point, 4);
        }
      }
    }
  }
}

/* The same for any number of channels: each receptive field is lined up behind x first.
 * `depth`: elements of a receptive field, rounded up to a multiple of 4. */
EW_NOINLINE void ew_gather_quads_any(const void *const *rows, int8_t *x, int32_t column, int32_t pixels,
                                     int32_t stride, int32_t channel, const ew_window *w, int32_t depth) {
  int8_t *line = x + depth * pixels;
  for (int32_t p = 0; p < pixels; p++, column += stride) {
    ew_line_up(rows, line, column, channel, w);
    ew_spread(line, x + 4 * p, depth, 4 * pixels);
  }
}
#endif
