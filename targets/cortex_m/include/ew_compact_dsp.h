/* Convolutions, depthwise convolutions and sums in as little code as possible: one function for all layers of a
 * kind, everything about a layer is data. Tiles of two channels and three pixels; where two are left the last
 * one is computed twice, a single one has a tile of its own. Rows outside the tensor come as null pointers.
 *
 * Requantization of every layer: with A = 2 * sum and a right shift of s1 + 1,
 *
 *   y = ssat8((A * multiplier + rounding + (doubled_zero * 2^s1 + (A < 0 ? twice : 0)) * 2^32) >> (33 + s1))
 *
 * where doubled_zero is 2 * zero point + 1, and for layers that round twice (twice = -1) rounding is 2^31, for
 * others (twice = 0) 0. Of a narrower clamp a row is gone through once more. */
#ifndef EW_COMPACT_DSP_H
#define EW_COMPACT_DSP_H
#include "ew_depthwise.h"
#if defined(__ARM_FEATURE_DSP)
#include "ew_dot_dsp.h"
#endif

typedef struct {
  int16_t doubled_zero, twice; /* the assembler knows where these are */
  int16_t columns, channels;   /* of the input; channels of one group */
  int16_t height, width, dilation, stride, pad_left; /* horizontal but for the height */
  int16_t out_columns, groups, outputs; /* outputs of one group */
  int16_t zero_point, low, high; /* of the input; of the output */
} ew_compact;

#if defined(__ARM_FEATURE_DSP)
/* A sum becomes an output: r2 twice, r10 multiplier, r11 s1, r12 doubled_zero * 2^s1; r1, r3 are lost. */
#define EW_COMPACT_FACTORS(m, s)                                                                  \
  "ldr r10, [r0, #" m "]\n ldr r11, [r0, #" s "]\n lsl r12, lr, r11\n"
#define EW_COMPACT_FINISH(a)                                                                      \
  "lsl " a ", #1\n and r3, r2, " a ", asr #31\n add r3, r12\n lsl r1, r2, #31\n"                  \
  "smlal r1, r3, " a ", r10\n asr r3, r11\n ssat " a ", #8, r3, asr #1\n"
#define EW_COMPACT_LOAD(k, g)                                                                     \
  "ldr r0, [sp, #" k "]\n ldr r2, [sp, #" g "]\n ldrsh lr, [r2]\n ldrsh r2, [r2, #2]\n"

/* Two quads a turn; of an odd number the first turn begins in the middle. Frame: end of w, x, k, out, then
 * after 13 words quads, g, second, third, outputs left. */
#define EW_COMPACT_FIRST_1 EW_COMPACT_FINISH("r4")
#define EW_COMPACT_SECOND_1 EW_COMPACT_FINISH("r5")
#define EW_COMPACT_STORE_1
#define EW_COMPACT_FIRST_3 EW_COMPACT_FIRST_1 EW_COMPACT_FINISH("r6") EW_COMPACT_FINISH("r8")
#define EW_COMPACT_SECOND_3 EW_COMPACT_SECOND_1 EW_COMPACT_FINISH("r7") EW_COMPACT_FINISH("r9")
#define EW_COMPACT_STORE_3                                                                        \
  "ldr r1, [sp, #60]\n ldr r2, [sp, #64]\n add r0, r1\n strb r6, [r0]\n strb r7, [r0, r12]\n"     \
  "add r0, r2\n strb r8, [r0]\n strb r9, [r0, r12]\n"
#define EW_COMPACT_TILES(PIXELS)                                                                  \
  EW_NAKED void ew_compact_tiles_##PIXELS(                                                        \
      const int8_t *w EW_UNUSED, const int16_t *x EW_UNUSED, const int32_t *k EW_UNUSED, int8_t *out EW_UNUSED, \
      int32_t quads EW_UNUSED, const ew_compact *g EW_UNUSED, int32_t second EW_UNUSED,           \
      int32_t third EW_UNUSED, int32_t outputs EW_UNUSED) {                                       \
    __asm volatile(                                                                               \
        "push {r0-r11, lr}\n"                                                                     \
        "0:\n ldr r12, [sp, #52]\n ldr r1, [sp, #4]\n ldr r2, [sp, #8]\n"                         \
        "add lr, r0, r12, lsl #3\n str lr, [sp]\n" EW_BIAS_##PIXELS "lsls r12, r12, #31\n bne 2f\n" \
        "1:\n" EW_STEP_##PIXELS "2:\n" EW_STEP_##PIXELS "ldr r12, [sp]\n cmp r0, r12\n bne 1b\n"  \
        EW_COMPACT_LOAD("8", "56") EW_COMPACT_FACTORS("8", "16") EW_COMPACT_FIRST_##PIXELS        \
        EW_COMPACT_FACTORS("12", "20") EW_COMPACT_SECOND_##PIXELS                                 \
        "adds r0, #24\n str r0, [sp, #8]\n ldr r3, [sp, #68]\n ldr r0, [sp, #12]\n"               \
        "subs r3, #2\n ite ge\n movge r12, #1\n movlt r12, #0\n str r3, [sp, #68]\n"              \
        "add lr, r0, r12\n add lr, #1\n str lr, [sp, #12]\n"                                      \
        "strb r4, [r0]\n strb r5, [r0, r12]\n" EW_COMPACT_STORE_##PIXELS                          \
        "ldr r0, [sp]\n cmp r3, #0\n bgt 0b\n add sp, #16\n pop {r4-r11, pc}\n");                 \
  }
EW_COMPACT_TILES(1)
EW_COMPACT_TILES(3)

#define EW_COMPACT_TAP                                                                            \
  "ldr r8, [r0], #4\n ldr r9, [r2], #4\n ldr r8, [r8, r3]\n sxtb16 r10, r8\n sxtb16 r11, r9\n"    \
  "smlabb r4, r10, r11, r4\n smlatt r6, r10, r11, r6\n sxtb16 r8, r8, ror #8\n"                  \
  "sxtb16 r9, r9, ror #8\n smlabb r5, r8, r9, r5\n smlatt r7, r8, r9, r7\n"
#define EW_COMPACT_CHANNEL(a, m, s) EW_COMPACT_FACTORS(m, s) EW_COMPACT_FINISH(a)
/* r3 is what is added to a tap: the place of the pixel and the channel; r8 keeps it, r9 w. Frame: taps and their
 * end, then (at 12) the end of r3; after 13 words k, the output less the place of the pixel, g, that place. */
EW_NAKED void ew_compact_quads(const int8_t *const *tap EW_UNUSED, int32_t taps EW_UNUSED, const int8_t *w EW_UNUSED,
                               int32_t channels EW_UNUSED, const int32_t *k EW_UNUSED, int8_t *out EW_UNUSED,
                               const ew_compact *g EW_UNUSED, int32_t place EW_UNUSED) {
  __asm volatile("push {r0-r11, lr}\n add r1, r0, r1, lsl #2\n str r1, [sp, #4]\n"
                 "ldr r1, [sp, #64]\n add r3, r1\n str r3, [sp, #12]\n mov r3, r1\n"
                 "ldr r0, [sp, #56]\n sub r0, r1\n str r0, [sp, #56]\n"
                 "0:\n ldr lr, [sp, #4]\n ldr r12, [sp, #52]\n ldr r0, [sp]\n ldmia r12, {r4-r7}\n"
                 "sub r1, lr, r0\n lsls r1, r1, #29\n bne 2f\n"
                 "1:\n" EW_COMPACT_TAP "2:\n" EW_COMPACT_TAP "cmp r0, lr\n bne 1b\n"
                 "mov r8, r3\n mov r9, r2\n" EW_COMPACT_LOAD("52", "60")
                 EW_COMPACT_CHANNEL("r4", "16", "32") EW_COMPACT_CHANNEL("r5", "20", "36")
                 EW_COMPACT_CHANNEL("r6", "24", "40") EW_COMPACT_CHANNEL("r7", "28", "44")
                 "adds r0, #48\n str r0, [sp, #52]\n ldr r0, [sp, #56]\n ldr r3, [sp, #12]\n mov r2, r9\n"
                 "add r0, r8\n strb r4, [r0]\n strb r5, [r0, #1]\n strb r6, [r0, #2]\n strb r7, [r0, #3]\n"
                 "sub r3, r8\n subs r3, #4\n cmp r3, #4\n it gt\n movgt r3, #4\n cmp r3, #0\n add r3, r8\n bgt 0b\n"
                 "add sp, #16\n pop {r4-r11, pc}\n");
}
#else
EW_INLINE int8_t ew_compact_output(int32_t sum, int32_t m, int32_t s1, const ew_compact *g) {
  int32_t doubled = sum * 2, t = g->doubled_zero * (1 << s1) + ((doubled >> 31) & g->twice);
  uint64_t start = (uint64_t)(uint32_t)t << 32 | (uint32_t)g->twice << 31;
  return (int8_t)ew_clamp((int32_t)(((int64_t)start + (int64_t)doubled * m) >> 32) >> s1 >> 1, -128, 127);
}

/* All channels of one or three pixels, two at a time. w: [pairs][quads][2][4], x: [quads][pixels][4] in the
 * order of ew_gather.h; k: [pairs] bias, multiplier, s1, each [2]; second, third: distance of a pixel's output
 * from that of the one before. Of an odd number of outputs the last is computed twice. */
EW_INLINE void ew_compact_tiles(const int8_t *w, const int16_t *x, const int32_t *k, int8_t *out, int32_t quads,
                                const ew_compact *g, const int32_t *offset, int32_t pixels, int32_t outputs) {
  static const int32_t place[4] = {0, 2, 1, 3};
  for (int32_t o = 0; o < outputs; o++, out++, k += o % 2 ? 0 : 6, w += o % 2 ? 4 : 8 * quads - 4) {
    for (int32_t p = 0; p < pixels; p++) {
      int32_t sum = k[o % 2];
      for (int32_t q = 0; q < quads; q++)
        for (int32_t i = 0; i < 4; i++) sum += x[4 * (pixels * q + p) + i] * w[8 * q + place[i]];
      out[offset[p]] = ew_compact_output(sum, k[2 + o % 2], k[4 + o % 2], g);
    }
  }
}
EW_NOINLINE void ew_compact_tiles_1(const int8_t *w, const int16_t *x, const int32_t *k, int8_t *out, int32_t quads,
                                    const ew_compact *g, int32_t second, int32_t third, int32_t outputs) {
  const int32_t offset[3] = {0, second, second + third};
  ew_compact_tiles(w, x, k, out, quads, g, offset, 1, outputs);
}
EW_NOINLINE void ew_compact_tiles_3(const int8_t *w, const int16_t *x, const int32_t *k, int8_t *out, int32_t quads,
                                    const ew_compact *g, int32_t second, int32_t third, int32_t outputs) {
  const int32_t offset[3] = {0, second, second + third};
  ew_compact_tiles(w, x, k, out, quads, g, offset, 3, outputs);
}

/* All channels of a pixel, four at a time. tap: where each tap's first channel lies, less `place`;
 * w: [quads][taps][4]; k: [quads] bias, multiplier, s1, each [4]. */
EW_NOINLINE void ew_compact_quads(const int8_t *const *tap, int32_t taps, const int8_t *w, int32_t channels,
                                  const int32_t *k, int8_t *out, const ew_compact *g, int32_t place) {
  for (int32_t left = channels; left > 0; left -= 4, k += 12, w += 4 * taps) {
    int32_t channel = channels - (left < 4 ? 4 : left);
    for (int32_t i = 0; i < 4; i++) {
      int32_t sum = k[i];
      for (int32_t t = 0; t < taps; t++) sum += tap[t][place + channel + i] * w[4 * t + i];
      out[channel + i] = ew_compact_output(sum, k[4 + i], k[8 + i], g);
    }
  }
}
#endif

EW_NOINLINE void ew_compact_clamp(int8_t *out, int32_t count, const ew_compact *g) {
  for (; count > 0; count--, out++) *out = (int8_t)ew_clamp(*out, g->low, g->high);
}

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
        for (int32_t i = 0; i < size; i++) *d++ = (int8_t)g->zero_point;
      }
    }
  }
  return line;
}

/* c: geometry; weights int8 [groups][pairs][quads][2][4]; int32 [groups][pairs][3][2].
 * scratch: int16 [quads][3][4] (of rows of one pixel [quads][1][4]), int8 [quads][4]. */
EW_NOINLINE void ew_conv_compact(const void *const *rows, int8_t *out, const void *const *c, int16_t *x) {
  const ew_compact *g = (const ew_compact *)c[0];
  int32_t quads = (g->height * g->width * g->channels + 3) / 4, total = g->groups * g->outputs;
  int8_t *line = (int8_t *)(x + (g->out_columns > 1 ? 12 : 4) * quads), *y = out;
  for (int32_t rest = g->out_columns, column = -g->pad_left; rest > 0; rest -= 3) {
    const int8_t *w = (const int8_t *)c[1];
    const int32_t *k = (const int32_t *)c[2];
    int32_t pixels = rest > 1 ? 3 : 1, third = rest > 2 ? total : 0, at = 0, pairs = (g->outputs + 1) / 2;
    for (int32_t channel = 0; channel < g->channels * g->groups; channel += g->channels) {
      at = column;
      for (int32_t p = 0; p < pixels; p++) {
        const int8_t *field = ew_compact_field(rows, line, at, channel, g);
        ew_widen(field, x + 4 * p, 4 * quads, 4 * pixels);
        if (p + 1 < rest) at += g->stride;
      }
      if (pixels > 1)
        ew_compact_tiles_3(w, x, k, y, quads, g, total, third, g->outputs);
      else
        ew_compact_tiles_1(w, x, k, y, quads, g, 0, 0, g->outputs);
      w += 8 * quads * pairs;
      k += 6 * pairs;
      y += g->outputs;
    }
    column = at;
    y += total + third;
  }
  if (g->high - g->low != 255) ew_compact_clamp(out, g->out_columns * total, g);
}

/* At least four channels; of the last ones, if they are no four, four are computed that end with them.
 * c: geometry; weights int8 [quads][taps][4]; int32 [quads][3][4]. scratch: pointers [taps], int8 [channels]. */
EW_NOINLINE void ew_depthwise_compact(const void *const *rows, int8_t *out, const void *const *c, void *scratch) {
  const ew_compact *g = (const ew_compact *)c[0];
  int32_t channels = g->channels, taps = g->height * g->width;
  const int8_t **tap = (const int8_t **)scratch;
  int8_t *fill = (int8_t *)(tap + taps), *y = out;
  memset(fill, g->zero_point, (uint32_t)channels);
  int32_t place = 0, inside = 0, last = g->columns - (g->width - 1) * g->dilation;
  for (int32_t x = g->out_columns, column = -g->pad_left; x > 0; x--, column += g->stride, y += channels) {
    const int8_t **t = tap;
    if (inside && column < last) {
      /* All taps move on with the pixel. */
      place += g->stride * channels;
    } else {
      place = 0;
      inside = 1;
      for (int32_t ky = 0; ky < g->height; ky++) {
        const int8_t *row = (const int8_t *)rows[ky];
        uint32_t at = (uint32_t)column, columns = row ? (uint32_t)g->columns : 0u;
        for (int32_t kx = g->width; kx > 0; kx--, at += (uint32_t)g->dilation) {
          inside &= at < columns;
          *t++ = at < columns ? row + at * (uint32_t)channels : fill;
        }
      }
    }
    ew_compact_quads(tap, taps, (const int8_t *)c[1], channels, (const int32_t *)c[2], y, g, place);
  }
  if (g->high - g->low != 255) ew_compact_clamp(out, g->out_columns * channels, g);
}

/* y = clamp((a * k[0] + b * k[1] + k[2]) >> k[3]) of k[4] elements, clamp to k[5] .. k[6]; y may be a or b. */
EW_NOINLINE void ew_add_compact(const int8_t *a, const int8_t *b, int8_t *y, const int32_t *k) {
  int32_t first = k[0], second = k[1], constant = k[2], shift = k[3], low = k[5], high = k[6];
  for (int32_t count = k[4]; count > 0; count--)
    *y++ = (int8_t)ew_clamp((*a++ * first + *b++ * second + constant) >> shift, low, high);
}
#endif
