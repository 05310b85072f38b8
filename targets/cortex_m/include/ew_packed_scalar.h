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

/* Eight steps. Assembler for Armv6-M and Armv7-M: the compiler takes out all codes first and spills them. */
#if defined(__thumb__)
#if __ARM_ARCH >= 7
#define EW_PACKED_CODE(i) "ubfx r6, %[v], #%c[bits]*" #i ", #%c[bits]\n"
#else
#define EW_PACKED_CODE(i) "lsls r6, %[v], #32-%c[bits]*(1+" #i ")\n lsrs r6, r6, #32-%c[bits]\n"
#endif
#define EW_PACKED_ASM_2(i) EW_PACKED_CODE(i) "ldmia %[q]!, {r4}\n muls r4, r6\n adds %[a], %[a], r4\n"
#define EW_PACKED_ASM_4(i)                                                                         \
  EW_PACKED_CODE(i) "ldmia %[q]!, {r4, r5}\n muls r4, r6\n adds %[a], %[a], r4\n"                  \
  "muls r5, r6\n adds %[b], %[b], r5\n"
#define EW_PACKED_EIGHT(PIXELS)                                                                    \
  __asm volatile(".syntax unified\n" EW_PACKED_ASM_##PIXELS(0) EW_PACKED_ASM_##PIXELS(1) EW_PACKED_ASM_##PIXELS(2) \
                     EW_PACKED_ASM_##PIXELS(3) EW_PACKED_ASM_##PIXELS(4) EW_PACKED_ASM_##PIXELS(5) \
                         EW_PACKED_ASM_##PIXELS(6) EW_PACKED_ASM_##PIXELS(7)                       \
                 : [q] "+l"(q), [a] "+l"(a), [b] "+l"(b)                                           \
                 : [v] "l"(v), [bits] "i"(BITS)                                                    \
                 : "r4", "r5", "r6", "cc", "memory");
#else
#define EW_PACKED_EIGHT(PIXELS)                                                                     \
  for (int32_t i = 0; i < 8; i++, q += 2 * PIXELS) {                                                \
    uint32_t c = (v >> (i * BITS)) & ((1 << BITS) - 1), lanes[2] = {0, 0};                          \
    memcpy(lanes, q, 2 * PIXELS);                                                                   \
    a += lanes[0] * c;                                                                              \
    b += lanes[1] * c;                                                                              \
  }
#endif

/* length: eights of inputs. Words of w hold the codes of a channel in order, from bit 0 on. FULL: words until
 * the halves are full. */
#define EW_PACKED_SCALAR_DOT(BITS_OF_CODE, PIXELS, FULL)                                           \
  EW_NOINLINE void ew_packed_dot##BITS_OF_CODE##_1x##PIXELS(const uint32_t *w, const void *x, int32_t *acc, \
                                                            int32_t length) {                      \
    enum { BITS = BITS_OF_CODE, EIGHTS = 4 / BITS };                                               \
    const uint8_t *q = x;                                                                          \
    uint32_t sum[4] = {0, 0, 0, 0};                                                                \
    while (length > 0) {                                                                           \
      uint32_t a = 0, b = 0;                                                                       \
      for (int32_t n = FULL; n > 0 && length > 0; n--) {                                           \
        uint32_t v = *w++;                                                                         \
        int32_t eights = length < EIGHTS ? length : EIGHTS;                                        \
        length -= eights;                                                                          \
        for (; eights > 0; eights--, v >>= 8 * BITS % 32) {                                        \
          EW_PACKED_EIGHT(PIXELS)                                                                  \
        }                                                                                          \
      }                                                                                            \
      sum[0] += a & 0xffff;                                                                        \
      sum[1] += a >> 16;                                                                           \
      sum[2] += b & 0xffff;                                                                        \
      sum[3] += b >> 16;                                                                           \
    }                                                                                              \
    for (int32_t p = 0; p < PIXELS; p++) acc[p] = (int32_t)sum[p];                                 \
  }                                                                                                \
  EW_PACKED_TILES(ew_packed##BITS_OF_CODE##_1x##PIXELS, ew_packed_dot##BITS_OF_CODE##_1x##PIXELS, 1, PIXELS)
/* A single pixel beside tiles of more: the other half of the words is not used. */
#define EW_PACKED_SCALAR_ONE(BITS)                                                                  \
  EW_INLINE void ew_packed_dot##BITS##_1x1(const uint32_t *w, const void *x, int32_t *acc, int32_t length) { \
    int32_t both[2];                                                                                \
    ew_packed_dot##BITS##_1x2(w, x, both, length);                                                  \
    acc[0] = both[0];                                                                               \
  }                                                                                                 \
  EW_PACKED_TILES(ew_packed##BITS##_1x1, ew_packed_dot##BITS##_1x1, 1, 1)
#define EW_PACKED_SCALAR(BITS, FULL)   \
  EW_PACKED_SCALAR_DOT(BITS, 2, FULL)  \
  EW_PACKED_SCALAR_DOT(BITS, 4, FULL)  \
  EW_PACKED_SCALAR_ONE(BITS)
EW_PACKED_SCALAR(4, 2)
EW_PACKED_SCALAR(2, 5)
EW_PACKED_SCALAR(1, 8)

/* Two channels of a single pixel: a code in each half of a word, one product with an input. Of eight inputs the
 * first channel's codes lie in the low halves, the second's in the high ones: two words of 4 bits, one of 2, a
 * half of one of 1. x[k] as uint16. length: eights of inputs. */
#if defined(__thumb__)
#define EW_PACKED_PAIR(v, i, at)                                                                    \
  "lsrs r6, %[" v "], #%c[bits]*" #i "\n ands r6, %[mask]\n ldrh r4, [%[q], #" #at "]\n muls r4, r6\n"  \
  "adds %[a], %[a], r4\n"
#define EW_PACKED_FIRST(v, at)                                                                      \
  "movs r6, %[" v "]\n ands r6, %[mask]\n ldrh r4, [%[q], #" #at "]\n muls r4, r6\n adds %[a], %[a], r4\n"
#define EW_PACKED_PAIRS                                                                             \
  __asm volatile(".syntax unified\n" EW_PACKED_FIRST("v", 0) EW_PACKED_PAIR("v", 1, 2)              \
                     EW_PACKED_PAIR("v", 2, 4) EW_PACKED_PAIR("v", 3, 6) EW_PACKED_FIRST("u", 8)    \
                         EW_PACKED_PAIR("u", 1, 10) EW_PACKED_PAIR("u", 2, 12) EW_PACKED_PAIR("u", 3, 14) \
                 : [a] "+l"(a)                                                                      \
                 : [q] "l"(q), [v] "l"(v), [u] "l"(u), [mask] "l"(mask), [bits] "i"(BITS)           \
                 : "r4", "r6", "cc", "memory");
#else
#define EW_PACKED_PAIRS                                                            \
  for (int32_t i = 0; i < 8; i++) {                                                \
    uint16_t one;                                                                  \
    memcpy(&one, q + 2 * i, 2);                                                    \
    a += one * ((i < 4 ? v >> (i * BITS) : u >> ((i - 4) * BITS)) & mask);         \
  }
#endif
#define EW_PACKED_WORDS_4 v = w[0], u = w[1], w += 2
#define EW_PACKED_WORDS_2 v = *w++, u = v >> 8
#define EW_PACKED_WORDS_1 v = *h++, v |= v << 8, u = v >> 4
/* FULL: eights until the halves are full. */
#define EW_PACKED_SCALAR_PAIR(BITS_OF_CODE, FULL)                                                   \
  EW_NOINLINE void ew_packed_dot##BITS_OF_CODE##_2x1(const uint32_t *w, const void *x, int32_t *acc, \
                                                     int32_t length) {                              \
    enum { BITS = BITS_OF_CODE };                                                                   \
    const uint32_t mask = ((1u << BITS) - 1) * 0x00010001u;                                         \
    const uint16_t *h = (const uint16_t *)(const void *)w;                                          \
    const uint8_t *q = x;                                                                           \
    uint32_t low = 0, high = 0;                                                                     \
    (void)h;                                                                                        \
    while (length > 0) {                                                                            \
      uint32_t a = 0, v, u;                                                                         \
      int32_t n = length < FULL ? length : FULL;                                                    \
      length -= n;                                                                                  \
      for (; n > 0; n--, q += 16) {                                                                 \
        EW_PACKED_WORDS_##BITS_OF_CODE;                                                             \
        EW_PACKED_PAIRS                                                                             \
      }                                                                                             \
      low += a & 0xffff;                                                                            \
      high += a >> 16;                                                                              \
    }                                                                                               \
    acc[0] = (int32_t)low;                                                                          \
    acc[1] = (int32_t)high;                                                                         \
  }                                                                                                 \
  EW_PACKED_TILES(ew_packed##BITS_OF_CODE##_2x1, ew_packed_dot##BITS_OF_CODE##_2x1, 2, 1)
EW_PACKED_SCALAR_PAIR(4, 2)
EW_PACKED_SCALAR_PAIR(2, 10)
EW_PACKED_SCALAR_PAIR(1, 32)

/* Receptive fields of some neighbouring output pixels as x[k][lanes], and offset * sum of each; what is not
 * gathered of the lanes stays undefined. */
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
