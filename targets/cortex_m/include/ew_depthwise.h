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
    (out)[0] = FINISH(a0, k[4], k[8], g);   \
    (out)[1] = FINISH(a1, k[5], k[9], g);   \
    (out)[2] = FINISH(a2, k[6], k[10], g);  \
    (out)[3] = FINISH(a3, k[7], k[11], g);  \
  }

/* One run: `pixels` outputs from input column `column` on (the leftmost kernel column, may be < 0), that
 * all use the kernel columns low .. high - 1.
 *   w: [height][width][4], k: bias[4], multiplier[4], shift[4] of channels `channel` .. + 3.
 * The bias holds the full zero-point correction; columns outside count as zero_point, so their
 * weights are given back: bias += zero_point * w of the columns left out. */
#define EW_DEPTHWISE_RUN(NAME, FINISH)                                                               \
  EW_NOINLINE void NAME(const void *const *rows, int8_t *out, int32_t column, int32_t pixels, int32_t low, int32_t high, \
                        int32_t channel, const int8_t *w, const int32_t *k, const ew_depthwise *g) { \
    int32_t pixel = g->window.pixel, width = g->window.width, height = g->window.height;             \
    int32_t zero = g->window.zero_point, step = g->window.dilation * pixel;                          \
    int32_t offset = column * pixel + channel;                                                       \
    out += channel;                                                                                  \
    int32_t b0 = k[0], b1 = k[1], b2 = k[2], b3 = k[3];                                              \
    if (high - low < width) {                                                                        \
      const int8_t *q = w;                                                                           \
      for (int32_t i = height * width, x = 0; i > 0; i--, q += 4, x = x + 1 == width ? 0 : x + 1) {  \
        if (x >= low && x < high) continue;                                                          \
        b0 += zero * q[0];                                                                           \
        b1 += zero * q[1];                                                                           \
        b2 += zero * q[2];                                                                           \
        b3 += zero * q[3];                                                                           \
      }                                                                                              \
    }                                                                                                \
    for (; pixels > 0; pixels--, offset += g->stride * pixel, out += pixel) {                        \
      int32_t a0 = b0, a1 = b1, a2 = b2, a3 = b3;                                                    \
      for (int32_t y = 0; y < height; y++) {                                                         \
        const int8_t *p = (const int8_t *)rows[y] + offset + low * step;                             \
        const int8_t *q = w + (y * width + low) * 4;                                                 \
        for (int32_t x = low; x < high; x++, p += step, q += 4) EW_QUAD_MULTIPLY(p, q)               \
      }                                                                                              \
      EW_QUAD_FINISH(FINISH, out, k, g)                                                              \
    }                                                                                                \
  }

/* The same for 3x3 windows that lie wholly inside, unrolled. */
#define EW_DEPTHWISE_RUN_3X3(NAME, FINISH)                                                           \
  EW_NOINLINE void NAME(const void *const *rows, int8_t *out, int32_t column, int32_t pixels, int32_t channel, \
                        const int8_t *w, const int32_t *k, const ew_depthwise *g) {                  \
    int32_t pixel = g->window.pixel, advance = g->stride * pixel;                                    \
    int32_t offset = column * pixel + channel, double_pixel = 2 * pixel;                             \
    const int8_t *p0 = (const int8_t *)rows[0] + offset;                                             \
    const int8_t *p1 = (const int8_t *)rows[1] + offset;                                             \
    const int8_t *p2 = (const int8_t *)rows[2] + offset;                                             \
    out += channel;                                                                                  \
    for (; pixels > 0; pixels--, out += pixel) {                                                     \
      int32_t a0 = k[0], a1 = k[1], a2 = k[2], a3 = k[3];                                            \
      EW_QUAD_MULTIPLY(p0, w)                                                                        \
      EW_QUAD_MULTIPLY(p0 + pixel, w + 4)                                                            \
      EW_QUAD_MULTIPLY(p0 + double_pixel, w + 8)                                                     \
      EW_QUAD_MULTIPLY(p1, w + 12)                                                                   \
      EW_QUAD_MULTIPLY(p1 + pixel, w + 16)                                                           \
      EW_QUAD_MULTIPLY(p1 + double_pixel, w + 20)                                                    \
      EW_QUAD_MULTIPLY(p2, w + 24)                                                                   \
      EW_QUAD_MULTIPLY(p2 + pixel, w + 28)                                                           \
      EW_QUAD_MULTIPLY(p2 + double_pixel, w + 32)                                                    \
      EW_QUAD_FINISH(FINISH, out, k, g)                                                              \
      p0 += advance;                                                                                 \
      p1 += advance;                                                                                 \
      p2 += advance;                                                                                 \
    }                                                                                                \
  }

EW_DEPTHWISE_RUN(ew_depthwise_relu, EW_FINISH_RELU)
EW_DEPTHWISE_RUN(ew_depthwise_bounded, EW_FINISH_BOUNDED)
EW_DEPTHWISE_RUN(ew_depthwise_general, EW_FINISH_GENERAL)
EW_DEPTHWISE_RUN_3X3(ew_depthwise_3x3_relu, EW_FINISH_RELU)
EW_DEPTHWISE_RUN_3X3(ew_depthwise_3x3_bounded, EW_FINISH_BOUNDED)
EW_DEPTHWISE_RUN_3X3(ew_depthwise_3x3_general, EW_FINISH_GENERAL)

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
