/* Rows and receptive fields for the dot products of Helium.
 *
 * Where a kernel reaches over the border, or a field is no whole number of vectors, the rows are copied to
 * scratch with their padding; whatever is read or written past the end of a copy lies in its slack. */
#ifndef EW_ROWS_MVE_H
#define EW_ROWS_MVE_H
#include <arm_mve.h>
#include "ew_math.h"

#define EW_NAKED_MVE static __attribute__((naked, noinline, unused))
#define EW_UNUSED_MVE __attribute__((unused))
/* Of the functions tile_mve.py makes: `pixels` output pixels from the rows x on, at y. w: start values and weights,
 * k: multipliers and shifts; acc: room for the sums of a tile of pixels. */
#define EW_TILE_ARGUMENTS_MVE                                                                            \
  int32_t pixels EW_UNUSED_MVE, const int8_t *w EW_UNUSED_MVE, const int8_t *const *x EW_UNUSED_MVE,     \
      int32_t *acc EW_UNUSED_MVE, const int32_t *k EW_UNUSED_MVE, int8_t *y EW_UNUSED_MVE

/* Copy `count` bytes, exactly; d and s may be anywhere. */
EW_INLINE void ew_copy_mve(int8_t *d, const int8_t *s, int32_t count) {
  __asm volatile(
      "wlstp.8 lr, %2, 2f\n"
      "1: vldrb.u8 q0, [%1], #16\n"
      "vstrb.8 q0, [%0], #16\n"
      "letp lr, 1b\n"
      "2:\n"
      : "+r"(d), "+r"(s)
      : "r"(count)
      : "q0", "lr", "memory");
}
EW_INLINE void ew_fill_mve(int8_t *d, int32_t value, int32_t count) {
  __asm volatile(
      "vdup.8 q0, %1\n"
      "wlstp.8 lr, %2, 2f\n"
      "1: vstrb.8 q0, [%0], #16\n"
      "letp lr, 1b\n"
      "2:\n"
      : "+r"(d)
      : "r"(value), "r"(count)
      : "q0", "lr", "memory");
}

typedef struct {
  int32_t height;                /* rows */
  int32_t left, bytes, right;    /* bytes of padding, of the row, of padding */
  int32_t pitch;                 /* from one copy to the next */
  int32_t zero_point;
} ew_border;

EW_NOINLINE void ew_border_mve(const void *const *rows, int8_t *d, const ew_border *g) {
  for (int32_t y = 0; y < g->height; y++, d += g->pitch) {
    ew_fill_mve(d, g->zero_point, g->left);
    ew_copy_mve(d + g->left, (const int8_t *)rows[y], g->bytes);
    ew_fill_mve(d + g->left + g->bytes, g->zero_point, g->right);
  }
}

typedef struct {
  int32_t height, piece; /* rows of a field, bytes of a row of it */
  int32_t pitch, step;   /* of the copied rows; from one pixel to the next */
  int32_t depth;         /* from one field to the next */
} ew_fields;

/* Fields of `pixels` pixels, those of words: every row a piece of 4 bytes. */
EW_NOINLINE void ew_fields_4_mve(const int8_t *x, int8_t *d, int32_t pixels, const ew_fields *g) {
  for (int32_t y = 0; y < g->height; y++, x += g->pitch, d += 4) {
    const int8_t *s = x;
    int8_t *e = d;
    for (int32_t n = pixels; n > 0; n--, s += g->step, e += g->depth) memcpy(__builtin_assume_aligned(e, 4), s, 4);
  }
}

/* Pieces of at most 16 bytes: later rows, and later fields, overwrite what is copied too much. */
#define EW_FIELDS_16_MVE(HEIGHT)                                                                             \
  EW_NOINLINE void ew_fields_16x##HEIGHT##_mve(const int8_t *x, int8_t *d, int32_t pixels, const ew_fields *g) { \
    const int8_t *x1 = x + g->pitch, *x2 = x1 + g->pitch;                                                    \
    int32_t piece = g->piece, step = g->step, depth = g->depth;                                              \
    for (; pixels > 0; pixels--, x += step, x1 += step, x2 += step, d += depth) {                            \
      vst1q_s8(d, vld1q_s8(x));                                                                              \
      if (HEIGHT > 1) vst1q_s8(d + piece, vld1q_s8(x1));                                                     \
      if (HEIGHT > 2) vst1q_s8(d + 2 * piece, vld1q_s8(x2));                                                 \
    }                                                                                                        \
  }
EW_FIELDS_16_MVE(1)
EW_FIELDS_16_MVE(2)
EW_FIELDS_16_MVE(3)

EW_NOINLINE void ew_fields_any_mve(const int8_t *x, int8_t *d, int32_t pixels, const ew_fields *g) {
  for (; pixels > 0; pixels--, x += g->step, d += g->depth)
    for (int32_t y = 0; y < g->height; y++) ew_copy_mve(d + y * g->piece, x + y * g->pitch, g->piece);
}
#endif
