/* Depthwise convolution: a run of output pixels of one row, four channels at a time.
 * The arithmetic form of the requantization is chosen per layer, so the kernels are macros over it. */
#ifndef EW_DEPTHWISE_H
#define EW_DEPTHWISE_H
#include "ew_gather.h"

typedef struct {
  ew_window window;    /* channels = pixel = input channels; width/height of the kernel */
  int32_t stride;      /* horizontal */
  int32_t zero_point, low, high; /* of the output */
} ew_depthwise;

#define EW_FINISH_RELU(a, m, s, g) ew_requantize_relu(a, m, s)
#define EW_FINISH_BOUNDED(a, m, s, g) ew_requantize_bounded(a, m, s, (g)->zero_point, (g)->low, (g)->high)
#define EW_FINISH_GENERAL(a, m, s, g) ew_requantize(a, m, s, (g)->zero_point, (g)->low, (g)->high)

#if defined(__ARM_FEATURE_DSP)
/* asm volatile: gcc otherwise shares results across pixels and spills them. */
#define EW_QUAD_MULTIPLY(p, q)                                                                       \
  {                                                                                                  \
    uint32_t xv = ew_load_quad(p), wv = ew_load_quad(q), x0, x1, w0, w1;                             \
    __asm volatile("sxtb16 %0, %1" : "=r"(x0) : "r"(xv));                                            \
    __asm volatile("sxtb16 %0, %1" : "=r"(w0) : "r"(wv));                                            \
    __asm volatile("smlabb %0, %1, %2, %0" : "+r"(a0) : "r"(x0), "r"(w0));                           \
    __asm volatile("smlatt %0, %1, %2, %0" : "+r"(a2) : "r"(x0), "r"(w0));                           \
    __asm volatile("sxtb16 %0, %1, ror #8" : "=r"(x1) : "r"(xv));                                    \
    __asm volatile("sxtb16 %0, %1, ror #8" : "=r"(w1) : "r"(wv));                                    \
    __asm volatile("smlabb %0, %1, %2, %0" : "+r"(a1) : "r"(x1), "r"(w1));                           \
    __asm volatile("smlatt %0, %1, %2, %0" : "+r"(a3) : "r"(x1), "r"(w1));                           \
  }
#else
#define EW_QUAD_MULTIPLY(p, q) \
  {                            \
    a0 += (p)[0] * (q)[0];     \
    a1 += (p)[1] * (q)[1];     \
    a2 += (p)[2] * (q)[2];     \
    a3 += (p)[3] * (q)[3];     \
  }
#endif

#define EW_QUAD_FINISH(FINISH, out, k, g)   \
  {                                         \
    (out)[0] = FINISH(a0, k[0], k[4], g);   \
    (out)[1] = FINISH(a1, k[1], k[5], g);   \
    (out)[2] = FINISH(a2, k[2], k[6], g);   \
    (out)[3] = FINISH(a3, k[3], k[7], g);   \
  }

/* One run: `pixels` outputs from input column `column` on (that of kernel column `low`), which all use the
 * kernel columns low .. high - 1 because the others lie outside.
 *   w: [height][width][4]; bias: [4] for these kernel columns, the zero point folded in;
 *   k: multiplier[4], shift[4] of channels `channel` .. + 3. */
#define EW_RUN_ARGUMENTS                                                                             \
  const void *const *rows, int8_t *out, int32_t column, int32_t pixels, int32_t low, int32_t high,   \
      int32_t channel, const int8_t *w, const int32_t *bias, const int32_t *k, const ew_depthwise *g

#define EW_DEPTHWISE_RUN(NAME, FINISH)                                                               \
  EW_NOINLINE void NAME(EW_RUN_ARGUMENTS) {                                                          \
    int32_t pixel = g->window.pixel, row_weights = 4 * g->window.width;                              \
    int32_t height = high > low ? g->window.height : 0; /* no kernel column may be inside */         \
    int32_t step = g->window.dilation * pixel, offset = column * pixel + channel;                    \
    out += channel;                                                                                  \
    w += 4 * low;                                                                                    \
    for (; pixels > 0; pixels--, offset += g->stride * pixel, out += pixel) {                        \
      int32_t a0 = bias[0], a1 = bias[1], a2 = bias[2], a3 = bias[3];                                \
      const int8_t *first = w;                                                                       \
      for (int32_t y = 0; y < height; y++, first += row_weights) {                                   \
        const int8_t *p = (const int8_t *)rows[y] + offset, *q = first;                              \
        int32_t x = high - low;                                                                      \
        do {                                                                                         \
          EW_QUAD_MULTIPLY(p, q)                                                                     \
          p += step;                                                                                 \
          q += 4;                                                                                    \
        } while (--x > 0);                                                                           \
      }                                                                                              \
      EW_QUAD_FINISH(FINISH, out, k, g)                                                              \
    }                                                                                                \
  }

/* The same for kernels of height 3 without dilation and 3 or 2 kernel columns inside, unrolled. */
#define EW_ROW_3(p) EW_QUAD_MULTIPLY(p, q) EW_QUAD_MULTIPLY(p + pixel, q + 4) EW_QUAD_MULTIPLY(p + 2 * pixel, q + 8)
#define EW_ROW_2(p) EW_QUAD_MULTIPLY(p, q) EW_QUAD_MULTIPLY(p + pixel, q + 4)
#define EW_DEPTHWISE_3(NAME, FINISH, ROW)                                                            \
  EW_NOINLINE void NAME(EW_RUN_ARGUMENTS) {                                                          \
    (void)high;                                                                                      \
    int32_t pixel = g->window.pixel, advance = g->stride * pixel;                                    \
    int32_t offset = column * pixel + channel;                                                       \
    const int8_t *p0 = (const int8_t *)rows[0] + offset;                                             \
    const int8_t *p1 = (const int8_t *)rows[1] + offset;                                             \
    const int8_t *p2 = (const int8_t *)rows[2] + offset;                                             \
    out += channel;                                                                                  \
    w += 4 * low;                                                                                    \
    do {                                                                                             \
      int32_t a0 = bias[0], a1 = bias[1], a2 = bias[2], a3 = bias[3];                                \
      const int8_t *q = w;                                                                           \
      ROW(p0)                                                                                        \
      q += 12;                                                                                       \
      ROW(p1)                                                                                        \
      q += 12;                                                                                       \
      ROW(p2)                                                                                        \
      EW_QUAD_FINISH(FINISH, out, k, g)                                                              \
      out += pixel;                                                                                  \
      p0 += advance;                                                                                 \
      p1 += advance;                                                                                 \
      p2 += advance;                                                                                 \
    } while (--pixels > 0);                                                                          \
  }

EW_DEPTHWISE_RUN(ew_depthwise_relu, EW_FINISH_RELU)
EW_DEPTHWISE_RUN(ew_depthwise_bounded, EW_FINISH_BOUNDED)
EW_DEPTHWISE_RUN(ew_depthwise_general, EW_FINISH_GENERAL)
EW_DEPTHWISE_3(ew_depthwise_3x3_relu, EW_FINISH_RELU, EW_ROW_3)
EW_DEPTHWISE_3(ew_depthwise_3x3_bounded, EW_FINISH_BOUNDED, EW_ROW_3)
EW_DEPTHWISE_3(ew_depthwise_3x3_general, EW_FINISH_GENERAL, EW_ROW_3)
EW_DEPTHWISE_3(ew_depthwise_3x2_relu, EW_FINISH_RELU, EW_ROW_2)
EW_DEPTHWISE_3(ew_depthwise_3x2_bounded, EW_FINISH_BOUNDED, EW_ROW_2)
EW_DEPTHWISE_3(ew_depthwise_3x2_general, EW_FINISH_GENERAL, EW_ROW_2)

/* Any number of channels and any multiplier, one output at a time. k: bias, multiplier, shift, each [outputs]. */
EW_NOINLINE void ew_depthwise_any(const void *const *rows, int8_t *out, int32_t columns, int32_t pad, int32_t multiplier,
                                  const int8_t *w, const int32_t *k, const ew_depthwise *g) {
  int32_t outputs = g->window.channels * multiplier;
  for (int32_t x = 0; x < columns; x++) {
    for (int32_t c = 0; c < outputs; c++) {
      int32_t a = k[c];
      for (int32_t ky = 0; ky < g->window.height; ky++) {
        const int8_t *row = (const int8_t *)rows[ky] + c / multiplier;
        for (int32_t kx = 0; kx < g->window.width; kx++) {
          int32_t column = x * g->stride - pad + kx * g->window.dilation;
          int32_t inside = column >= 0 && column < g->window.columns;
          int32_t v = inside ? row[column * g->window.pixel] : g->window.zero_point;
          a += v * w[(ky * g->window.width + kx) * outputs + c];
        }
      }
      *out++ = ew_requantize(a, k[outputs + c], k[2 * outputs + c], g->zero_point, g->low, g->high);
    }
  }
}
#endif
