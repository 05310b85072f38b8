/* Convolutions, depthwise convolutions and sums in as little code as possible: one function for all layers of a
 * kind, everything about a layer is data. Tiles of two channels and three pixels; where two are left the last
 * one is computed twice, and of a single one only the first column of a tile. Rows outside the tensor come as
 * null pointers.
 *
 * Requantization of every layer: with A = 2 * sum and a right shift of s1 + 1,
 *
 *   y = ssat8((A * multiplier + rounding + (doubled_zero * 2^s1 + (A < 0 ? twice : 0)) * 2^32) >> (33 + s1))
 *
 * where doubled_zero is 2 * zero point + 1, and for layers that round twice (twice = -1) rounding is 2^31, for
 * others (twice = 0) 0. */
#ifndef EW_COMPACT_DSP_H
#define EW_COMPACT_DSP_H
#include "ew_gather.h"
#if defined(__ARM_FEATURE_DSP)
#include "ew_dot_dsp.h"
#endif

/* Compiled for size. */
#define EW_COLD static __attribute__((noinline, unused, cold))

typedef struct {
  int16_t doubled_zero, twice; /* the assembler knows where these are */
  int16_t columns, pixel, channels; /* of the input: its columns, bytes of a pixel, channels of a group */
  int16_t height, width, dilation, stride, pad_left; /* horizontal but for the height */
  int16_t out_columns, outputs, total, quads; /* outputs of a group, of all groups; fours of a receptive field */
  int8_t zero_point, in_place; /* of the input; whether a receptive field is a run of whole quads */
  int8_t low, high; /* of the output */
} ew_compact;

#if defined(__ARM_FEATURE_DSP)
/* A sum becomes an output: r2 twice, r10 multiplier, r11 s1, r12 doubled_zero * 2^s1; r1, r3 are lost. */
#define EW_COMPACT_FACTORS(m, s)                                                                  \
  "ldr r10, [r0, #" m "]\n ldr r11, [r0, #" s "]\n lsl r12, lr, r11\n"
#define EW_COMPACT_FINISH(a)                                                                      \
  "lsl " a ", #1\n and r3, r2, " a ", asr #31\n add r3, r12\n lsl r1, r2, #31\n"                  \
  "smlal r1, r3, " a ", r10\n asr r3, r11\n ssat " a ", #8, r3, asr #1\n"
/* r2: the geometry. */
#define EW_COMPACT_LOAD "ldrsh lr, [r2]\n ldrsh r2, [r2, #2]\n"
#define EW_COMPACT_COLUMN(a, b, c) EW_COMPACT_FINISH(a) EW_COMPACT_FINISH(b) EW_COMPACT_FINISH(c)

/* All channels of one pixel (second = 0) or three; returns the end of the stream, for every pair of channels
 * int32 bias [2], int8 weights [quads][2][4], int32 multiplier [2], s1 [2]. x: [quads][pixels][4] in the order of
 * ew_gather.h; second, third: distance of a pixel's output from that of the one before. Of an odd number of
 * outputs the last is computed twice. Of one pixel what the other columns hold is overwritten.
 * Two quads a turn; of an odd number the first turn begins in the middle. Frame: end of the weights, x, out,
 * quads, after 9 more words g, second, third, outputs left. */
EW_NAKED const int32_t *ew_compact_tiles(const int32_t *stream EW_UNUSED, const int16_t *x EW_UNUSED,
                                         int8_t *out EW_UNUSED, int32_t quads EW_UNUSED,
                                         const ew_compact *g EW_UNUSED, int32_t second EW_UNUSED,
                                         int32_t third EW_UNUSED, int32_t outputs EW_UNUSED) {
  __asm volatile(
      "push {r0-r11, lr}\n"
      "0:\n" "ldmia r0!, {r4, r5}\n ldr r1, [sp, #4]\n ldr r2, [sp, #12]\n ldr r3, [sp, #56]\n"
      "mov r6, r4\n mov r7, r5\n mov r8, r4\n mov r9, r5\n"
      "add lr, r0, r2, lsl #3\n str lr, [sp]\n lsls r2, r2, #31\n cbnz r3, 3f\n bne 2f\n"
      "1:\n" EW_STEP_1 "2:\n" EW_STEP_1 "ldr r12, [sp]\n cmp r0, r12\n bne 1b\n b 6f\n"
      "3:\n bne 5f\n"
      "4:\n" EW_STEP_3 "5:\n" EW_STEP_3 "ldr r12, [sp]\n cmp r0, r12\n bne 4b\n"
      "6:\n ldr r2, [sp, #52]\n" EW_COMPACT_LOAD
      EW_COMPACT_FACTORS("0", "8") EW_COMPACT_COLUMN("r4", "r6", "r8")
      EW_COMPACT_FACTORS("4", "12") EW_COMPACT_COLUMN("r5", "r7", "r9")
      "ldr r2, [sp, #8]\n ldrd r10, r11, [sp, #56]\n ldr r3, [sp, #64]\n"
      "add r1, r2, r10\n add r11, r1\n adds r0, #16\n"
      "subs r3, #2\n str r3, [sp, #64]\n ite ge\n movge r12, #1\n movlt r12, #0\n"
      "strb r8, [r11]\n strb r9, [r11, r12]\n strb r6, [r1]\n strb r7, [r1, r12]\n"
      "strb r4, [r2]\n strb r5, [r2, r12]\n"
      "adds r2, #2\n str r2, [sp, #8]\n cmp r3, #0\n bgt 0b\n add sp, #16\n pop {r4-r11, pc}\n");
}

#define EW_COMPACT_TAP                                                                            \
  "ldr r8, [r2], #4\n ldr r9, [r0], #4\n ldr r8, [r8, r3]\n sxtb16 r10, r8\n sxtb16 r11, r9\n"    \
  "smlabb r4, r10, r11, r4\n smlatt r6, r10, r11, r6\n sxtb16 r8, r8, ror #8\n"                  \
  "sxtb16 r9, r9, ror #8\n smlabb r5, r8, r9, r5\n smlatt r7, r8, r9, r7\n"
#define EW_COMPACT_CHANNEL(a, m, s) EW_COMPACT_FACTORS(m, s) EW_COMPACT_FINISH(a)
/* All channels of a pixel, four at a time. tap .. end: where each tap's first channel lies, less `place`; stream:
 * for every four int32 bias [4], int8 weights [taps][4], int32 multiplier [4], s1 [4].
 * r3 is what is added to a tap: the place of the pixel and the channel; r8 keeps it. Frame: tap, end, then (at
 * 12) the end of r3, after 9 more words the output less the place of the pixel, g, that place. */
EW_NAKED void ew_compact_quads(const int8_t *const *tap EW_UNUSED, const int8_t *const *end EW_UNUSED,
                               const int32_t *stream EW_UNUSED, int32_t channels EW_UNUSED, int8_t *out EW_UNUSED,
                               const ew_compact *g EW_UNUSED, int32_t place EW_UNUSED) {
  __asm volatile("push {r0-r11, lr}\n mov r0, r2\n"
                 "ldr r1, [sp, #60]\n add r3, r1\n str r3, [sp, #12]\n mov r3, r1\n"
                 "ldr r2, [sp, #52]\n subs r2, r1\n str r2, [sp, #52]\n"
                 "0:\n ldrd r2, lr, [sp]\n ldmia r0!, {r4-r7}\n"
                 "sub r1, lr, r2\n lsls r1, r1, #29\n bne 2f\n"
                 "1:\n" EW_COMPACT_TAP "2:\n" EW_COMPACT_TAP "cmp r2, lr\n bne 1b\n"
                 "mov r8, r3\n ldr r2, [sp, #56]\n" EW_COMPACT_LOAD
                 EW_COMPACT_CHANNEL("r4", "0", "16") EW_COMPACT_CHANNEL("r5", "4", "20")
                 EW_COMPACT_CHANNEL("r6", "8", "24") EW_COMPACT_CHANNEL("r7", "12", "28")
                 "adds r0, #32\n ldr r2, [sp, #52]\n ldr r3, [sp, #12]\n add r2, r8\n"
                 "strb r4, [r2]\n strb r5, [r2, #1]\n strb r6, [r2, #2]\n strb r7, [r2, #3]\n"
                 "sub r3, r8\n subs r3, #4\n cmp r3, #4\n it gt\n movgt r3, #4\n cmp r3, #0\n add r3, r8\n bgt 0b\n"
                 "add sp, #16\n pop {r4-r11, pc}\n");
}

EW_INLINE void ew_compact_widen(const int8_t *p, int16_t *x, int32_t quads, int32_t step) {
  do {
    ew_widen_quad(ew_load_quad(p), x);
    p += 4;
    x += step;
  } while (--quads);
}
/* The receptive field of a pixel from input column `column` on: where it lies, or a copy in `line`.
 * r0 rows, r1 line, r4 input, r5 taps left of the row, r6 bytes of a pixel, r7 bytes copied at a time, r8 of which
 * so many a row, r9 dilation, r10 columns, r11 rows left, r12 row, lr column. Frame: line, column, channel, after
 * 9 more words g. */
EW_NAKED const int8_t *ew_compact_field(const void *const *rows EW_UNUSED, int8_t *line EW_UNUSED,
                                        int32_t column EW_UNUSED, int32_t channel EW_UNUSED,
                                        const ew_compact *g EW_UNUSED) {
  __asm volatile("push {r1-r11, lr}\n ldr r4, [sp, #48]\n ldrsb r5, [r4, #29]\n ldrsh r6, [r4, #6]\n"
                 "cbz r5, 0f\n ldr r0, [r0]\n mla r2, r2, r6, r3\n add r0, r2\n str r0, [sp]\n b 9f\n"
                 "0:\n ldrsh r7, [r4, #8]\n ldrsh r11, [r4, #10]\n ldrsh r8, [r4, #12]\n"
                 "ldrsh r9, [r4, #14]\n ldrsh r10, [r4, #4]\n"
                 /* All of a row's part at once, where it lies in one piece. */
                 "cmp r9, #1\n it eq\n cmpeq r7, r6\n bne 1f\n cmp r2, #0\n blt 1f\n"
                 "add r2, r8\n cmp r2, r10\n bgt 1f\n mul r7, r8\n mov r8, #1\n"
                 /* Rows outside the tensor begin at a column far outside. */
                 "1:\n ldr r12, [r0], #4\n ldrd lr, r3, [sp, #4]\n mov r5, r8\n"
                 "cmp r12, #0\n it eq\n moveq lr, #0x80000000\n add r12, r3\n"
                 "2:\n mov r2, r7\n cmp lr, r10\n bhs 6f\n mla r4, lr, r6, r12\n b 4f\n"
                 "3:\n ldr r3, [r4], #4\n str r3, [r1], #4\n"
                 "4:\n subs r2, #4\n bge 3b\n adds r2, #4\n beq 8f\n"
                 "5:\n ldrb r3, [r4], #1\n strb r3, [r1], #1\n subs r2, #1\n bne 5b\n b 8f\n"
                 "6:\n ldr r4, [sp, #48]\n ldrb r3, [r4, #28]\n"
                 "7:\n strb r3, [r1], #1\n subs r2, #1\n bne 7b\n"
                 "8:\n add lr, r9\n subs r5, #1\n bne 2b\n subs r11, #1\n bne 1b\n"
                 "9:\n pop {r0, r2-r11, pc}\n");
}
#else
EW_INLINE int8_t ew_compact_output(int32_t sum, int32_t m, int32_t s1, const ew_compact *g) {
  int32_t doubled = sum * 2, t = g->doubled_zero * (1 << s1) + ((doubled >> 31) & g->twice);
  uint64_t start = (uint64_t)(uint32_t)t << 32 | (uint32_t)g->twice << 31;
  return (int8_t)ew_clamp((int32_t)(((int64_t)start + (int64_t)doubled * m) >> 32) >> s1 >> 1, -128, 127);
}

EW_NOINLINE const int32_t *ew_compact_tiles(const int32_t *stream, const int16_t *x, int8_t *out, int32_t quads,
                                            const ew_compact *g, int32_t second, int32_t third, int32_t outputs) {
  static const int32_t place[4] = {0, 2, 1, 3};
  const int32_t offset[3] = {0, second, second + third}, pixels = second ? 3 : 1;
  for (int32_t o = 0; o < outputs; o++, out++) {
    const int32_t *own = stream + o % 2, *factors = own + 2 + 2 * quads;
    const int8_t *w = (const int8_t *)(stream + 2 + o % 2);
    for (int32_t p = 0; p < pixels; p++) {
      int32_t sum = *own;
      for (int32_t q = 0; q < quads; q++)
        for (int32_t i = 0; i < 4; i++) sum += x[4 * (pixels * q + p) + i] * w[8 * q + place[i]];
      out[offset[p]] = ew_compact_output(sum, factors[0], factors[2], g);
    }
    if (o % 2 || o + 1 == outputs) stream += 6 + 2 * quads;
  }
  return stream;
}

EW_NOINLINE void ew_compact_quads(const int8_t *const *tap, const int8_t *const *end, const int32_t *stream,
                                  int32_t channels, int8_t *out, const ew_compact *g, int32_t place) {
  int32_t taps = (int32_t)(end - tap);
  for (int32_t left = channels; left > 0; left -= 4, stream += 12 + taps) {
    const int8_t *w = (const int8_t *)(stream + 4);
    int32_t channel = channels - (left < 4 ? 4 : left);
    for (int32_t i = 0; i < 4; i++) {
      int32_t sum = stream[i];
      for (int32_t t = 0; t < taps; t++) sum += tap[t][place + channel + i] * w[4 * t + i];
      out[channel + i] = ew_compact_output(sum, stream[4 + taps + i], stream[8 + taps + i], g);
    }
  }
}

EW_INLINE void ew_compact_widen(const int8_t *p, int16_t *x, int32_t quads, int32_t step) {
  ew_widen(p, x, 4 * quads, step);
}

EW_NOINLINE const int8_t *ew_compact_field(const void *const *rows, int8_t *line, int32_t column,
                                           int32_t channel, const ew_compact *g) {
  if (g->in_place) return (const int8_t *)rows[0] + column * g->pixel + channel;
  int32_t parts = g->width, size = g->channels;
  if (g->dilation == 1 && size == g->pixel && column >= 0 && column + parts <= g->columns) {
    size *= parts;
    parts = 1;
  }
  int8_t *d = line;
  for (int32_t ky = 0; ky < g->height; ky++) {
    const int8_t *row = (const int8_t *)rows[ky];
    uint32_t at = (uint32_t)column, columns = row ? (uint32_t)g->columns : 0u;
    for (int32_t kx = 0; kx < parts; kx++, at += (uint32_t)g->dilation) {
      if (at < columns) {
        d = ew_copy(d, row + (int32_t)at * g->pixel + channel, size);
      } else {
        for (int32_t i = 0; i < size; i++) *d++ = g->zero_point;
      }
    }
  }
  return line;
}
#endif

/* Behind layers with a narrower clamp than int8. */
EW_COLD void ew_compact_clamp(int8_t *out, const ew_compact *g) {
  for (int32_t count = g->out_columns * g->total; count > 0; count--, out++)
    *out = (int8_t)ew_clamp(*out, g->low, g->high);
}

/* c: geometry; stream of all groups. scratch: int8 [quads][4], int16 [quads][3][4] (of rows of one pixel
 * [quads][1][4]). */
EW_COLD void ew_conv_compact(const void *const *rows, int8_t *out, const void *const *c, int16_t *scratch) {
  const ew_compact *g = (const ew_compact *)c[0];
  int32_t quads = g->quads, column = -g->pad_left, rest = g->out_columns;
  int16_t *x = scratch + 2 * quads;
  do {
    const int32_t *stream = (const int32_t *)c[1];
    int32_t pixels = 3, second = g->total, third = second, channel = 0, at;
    if (rest < 3) third = 0;
    if (rest < 2) second = 0, pixels = 1;
    do {
      int32_t p = 0;
      at = column;
      do {
        const int8_t *field = ew_compact_field(rows, (int8_t *)scratch, at, channel, g);
        ew_compact_widen(field, x + 4 * p, quads, 4 * pixels);
        if (++p < rest) at += g->stride;
      } while (p < pixels);
      stream = ew_compact_tiles(stream, x, out, quads, g, second, third, g->outputs);
      out += g->outputs;
      channel += g->channels;
    } while (channel < g->pixel);
    column = at;
    out += second + third;
    rest -= 3;
  } while (rest > 0);
}

/* At least four channels; of the last ones, if they are no four, four are computed that end with them.
 * c: geometry; stream. scratch: pointers [taps], int8 [channels]. */
EW_COLD void ew_depthwise_compact(const void *const *rows, int8_t *out, const void *const *c, void *scratch) {
  const ew_compact *g = (const ew_compact *)c[0];
  int32_t channels = g->channels, place = 0, column = -g->pad_left, left = g->out_columns;
  const int8_t **tap = (const int8_t **)scratch, **end = tap + g->height * g->width;
  int8_t *fill = (int8_t *)end;
  memset(fill, g->zero_point, (uint32_t)channels);
  uint32_t inside = 0;
  do {
    if (inside && column < g->columns - (g->width - 1) * g->dilation) {
      /* All taps move on with the pixel. */
      place += g->stride * channels;
    } else {
      const int8_t **t = tap;
      const void *const *r = rows;
      place = 0;
      inside = 1;
      do {
        const int8_t *row = (const int8_t *)*r++;
        uint32_t at = (uint32_t)column, columns = row ? (uint32_t)g->columns : 0u;
        int32_t taps = g->width;
        do {
          inside &= at < columns;
          *t++ = at < columns ? row + at * (uint32_t)channels : fill;
          at += (uint32_t)g->dilation;
        } while (--taps);
      } while (t != end);
    }
    ew_compact_quads(tap, end, (const int32_t *)c[1], channels, out, g, place);
    column += g->stride;
    out += channels;
  } while (--left);
}

/* y = clamp((a * k[0] + b * k[1] + k[2]) >> k[3]) of k[4] elements, clamp to k[5] .. k[6]; y may be a or b. */
EW_NOINLINE void ew_add_compact(const int8_t *a, const int8_t *b, int8_t *y, const int32_t *k) {
  int32_t first = k[0], second = k[1], constant = k[2], shift = k[3], count = k[4], low = k[5], high = k[6];
  do {
    *y++ = (int8_t)ew_clamp((*a++ * first + *b++ * second + constant) >> shift, low, high);
  } while (--count);
}
#endif
