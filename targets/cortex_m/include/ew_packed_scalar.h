/* Dot products with packed weights in portable C: two pixels in the halves of a word.
 *
 * Inputs are made unsigned (x + 128 <= 255; the bias has the difference), so that one 32-bit product with a code
 * of at most 15 is that of two pixels, without a borrow between the halves. A half holds 16 products with codes
 * of 4 bits, 80 of 2 bits or 256 of 1 bit before it has to be emptied.
 * x[k][pixel] as uint16: the first pixel of a word is its low half. */
#ifndef EW_PACKED_SCALAR_H
#define EW_PACKED_SCALAR_H
#include "ew_gather.h"
#include "ew_packed_tile.h"

EW_INLINE uint32_t ew_packed_load(const uint8_t *x) {
  uint32_t v;
  memcpy(&v, __builtin_assume_aligned(x, 4), 4);
  return v;
}

EW_INLINE uint32_t ew_packed_half(const uint8_t *x) {
  uint16_t v;
  memcpy(&v, __builtin_assume_aligned(x, 2), 2);
  return v;
}

#define EW_PACKED_STEP_1(i)                                              \
  {                                                                      \
    uint32_t c = (v >> ((i) * BITS)) & MASK;                             \
    sum[0] += ew_packed_half(q + 2 * (i)) * c;                           \
  }
#define EW_PACKED_STEP_2(i)                                              \
  {                                                                      \
    uint32_t c = (v >> ((i) * BITS)) & MASK;                             \
    a += ew_packed_load(q + 4 * (i)) * c;                                \
  }
#define EW_PACKED_STEP_4(i)                                              \
  {                                                                      \
    uint32_t c = (v >> ((i) * BITS)) & MASK;                             \
    a += ew_packed_load(q + 8 * (i)) * c;                                \
    b += ew_packed_load(q + 8 * (i) + 4) * c;                            \
  }
#define EW_PACKED_EIGHT(STEP) STEP(0) STEP(1) STEP(2) STEP(3) STEP(4) STEP(5) STEP(6) STEP(7)

/* length: eights of inputs. Words of w hold the codes of a channel in order, from bit 0 on. */
#define EW_PACKED_SCALAR_DOT(NAME, PIXELS, CODE_BITS, FULL)                                        \
  EW_NOINLINE void NAME(const uint32_t *w, const void *x, int32_t *acc, int32_t length) {          \
    enum { BITS = CODE_BITS, MASK = (1 << CODE_BITS) - 1, EIGHTS = 4 / CODE_BITS };                \
    const uint8_t *q = x;                                                                          \
    uint32_t sum[4] = {0, 0, 0, 0};                                                                \
    while (length > 0) {                                                                           \
      uint32_t a = 0, b = 0;                                                                       \
      for (int32_t n = FULL; n > 0 && length > 0; n--) {                                           \
        uint32_t v = *w++;                                                                         \
        int32_t eights = length < EIGHTS ? length : EIGHTS;                                        \
        length -= eights;                                                                          \
        for (; eights > 0; eights--, q += 16 * PIXELS) {                                           \
          EW_PACKED_EIGHT(EW_PACKED_STEP_##PIXELS)                                                 \
          v >>= 8 * BITS % 32;                                                                     \
        }                                                                                          \
      }                                                                                            \
      sum[0] += a & 0xffff;                                                                        \
      sum[1] += a >> 16;                                                                           \
      sum[2] += b & 0xffff;                                                                        \
      sum[3] += b >> 16;                                                                           \
    }                                                                                              \
    for (int32_t p = 0; p < PIXELS; p++) acc[p] = (int32_t)sum[p];                                 \
  }
/* FULL: words until the halves are full. */
EW_PACKED_SCALAR_DOT(ew_packed_dot4_1x1, 1, 4, 2)
EW_PACKED_SCALAR_DOT(ew_packed_dot4_1x2, 2, 4, 2)
EW_PACKED_SCALAR_DOT(ew_packed_dot4_1x4, 4, 4, 2)
EW_PACKED_SCALAR_DOT(ew_packed_dot2_1x1, 1, 2, 5)
EW_PACKED_SCALAR_DOT(ew_packed_dot2_1x2, 2, 2, 5)
EW_PACKED_SCALAR_DOT(ew_packed_dot2_1x4, 4, 2, 5)
EW_PACKED_SCALAR_DOT(ew_packed_dot1_1x1, 1, 1, 8)
EW_PACKED_SCALAR_DOT(ew_packed_dot1_1x2, 2, 1, 8)
EW_PACKED_SCALAR_DOT(ew_packed_dot1_1x4, 4, 1, 8)

#define EW_PACKED_SCALAR(BITS)                                                              \
  EW_PACKED_TILES(ew_packed##BITS##_1x4, ew_packed_dot##BITS##_1x4, 1, 4, EW_TOTAL_OF_CODES) \
  EW_PACKED_TILES(ew_packed##BITS##_1x2, ew_packed_dot##BITS##_1x2, 1, 2, EW_TOTAL_OF_CODES) \
  EW_PACKED_TILES(ew_packed##BITS##_1x1, ew_packed_dot##BITS##_1x1, 1, 1, EW_TOTAL_OF_CODES)
EW_PACKED_SCALAR(4)
EW_PACKED_SCALAR(2)
EW_PACKED_SCALAR(1)

/* Receptive fields of some neighbouring output pixels as x[k][lanes], and offset * sum of each. */
EW_NOINLINE void ew_packed_gather(const void *const *rows, uint16_t *x, int32_t *sums, int32_t column,
                                  int32_t pixels, int32_t lanes, int32_t stride, int32_t channel,
                                  const ew_window *w, int32_t offset) {
  for (int32_t p = 0; p < pixels; p++, column += stride) {
    uint16_t *d = x + p;
    int32_t total = 0;
    for (int32_t ky = 0; ky < w->height; ky++) {
      const int8_t *row = (const int8_t *)rows[ky] + channel;
      for (int32_t kx = 0, c = column; kx < w->width; kx++, c += w->dilation) {
        int32_t inside = c >= 0 && c < w->columns;
        const int8_t *from = row + (inside ? c * w->pixel : 0);
        for (int32_t i = 0; i < w->channels; i++, d += lanes) {
          int32_t u = (inside ? from[i] : w->zero_point) + 128;
          *d = (uint16_t)u;
          total += u;
        }
      }
    }
    sums[p] = total * offset;
  }
}
#endif
