/* Depthwise convolution without DSP instructions, channel by channel.
 *
 * A channel is spread to a plane of words in scratch, borders included, so that the inputs of neighbouring outputs
 * lie side by side: four of them are loaded at once and share a weight. With a horizontal stride s the columns of a
 * plane's line are sorted by phase: 0, s, 2 s, ..., then 1, s + 1, ...
 * A line may be a row of the tensor or, where rows are short, a column: only the distances differ. */
#ifndef EW_PLANES_SCALAR_H
#define EW_PLANES_SCALAR_H
#include "ew_steps_scalar.h"

typedef struct {
  int32_t offset;       /* bytes of its first column inside the tensor */
  int32_t left, inside; /* words in a line before that column, and from there to the last inside */
} ew_phase;

typedef struct {
  int32_t lines;       /* of the input that the plane has */
  int32_t line_bytes;  /* from one to the next; 0: rows[] has them */
  int32_t first_word;  /* of the first of these lines in the plane */
  int32_t plane_line;  /* words of a line */
  int32_t plane_words; /* of the plane */
  int32_t phases;
  int32_t step_bytes; /* from one column of a phase to the next */
  int32_t zero_point;
  int32_t out_lines, out_columns, out_line_bytes, out_pixel_bytes;
  int32_t line_words; /* in the plane, from one output line to the next */
  int32_t channels, multiplier, taps;
} ew_planes;

/* A line of outputs, four at a time.
 *   taps: weight and distance in bytes of each; x: inputs of the first output; sums: room for whole tiles.
 *   enter: bytes of code of the steps that the first turn leaves out, 22 each. */
typedef struct {
  const int32_t *taps;
  int32_t enter;
  int32_t *sums;
  const int32_t *end; /* of x */
} ew_planes_line;

#if defined(__thumb__)
#if __ARM_ARCH >= 7
#define EW_PLANES_TAP                                                                               \
  "ldmia r0!, {r2, r3}\n add r3, r1\n ldmia r3!, {r4, r5, r6, r7}\n"                                \
  "mla r8, r4, r2, r8\n mla r9, r5, r2, r9\n mla r10, r6, r2, r10\n mla r11, r7, r2, r11\n"
#else
#define EW_PLANES_TAP                                                                               \
  "ldmia r0!, {r2, r3}\n add r3, r1\n ldmia r3!, {r4, r5, r6, r7}\n"                                \
  "muls r4, r2\n muls r5, r2\n muls r6, r2\n muls r7, r2\n"                                         \
  "add r8, r4\n add r9, r5\n add r10, r6\n add r11, r7\n"
#endif
EW_NOINLINE void ew_planes_sums(ew_planes_line *line, const int32_t *first, const int32_t *taps_end) {
  register ew_planes_line *l __asm("r0") = line;
  register const int32_t *x __asm("r1") = first;
  register const int32_t *e __asm("r2") = taps_end;
  __asm volatile(".syntax unified\n"
                 "mov r12, r0\n mov lr, r2\n mov r7, r0\n"
                 "2: movs r4, #0\n mov r8, r4\n mov r9, r4\n mov r10, r4\n mov r11, r4\n"
                 "ldr r0, [r7]\n ldr r3, [r7, #4]\n add pc, r3\n nop\n"
                 "1:\n" EW_PLANES_TAP EW_PLANES_TAP EW_PLANES_TAP EW_PLANES_TAP EW_PLANES_TAP EW_PLANES_TAP
                     EW_PLANES_TAP EW_PLANES_TAP EW_PLANES_TAP
                 "cmp r0, lr\n bne 1b\n"
                 "mov r7, r12\n ldr r6, [r7, #8]\n mov r2, r8\n mov r3, r9\n mov r4, r10\n mov r5, r11\n"
                 "stmia r6!, {r2, r3, r4, r5}\n str r6, [r7, #8]\n"
                 "adds r1, #16\n ldr r6, [r7, #12]\n cmp r1, r6\n blo 2b\n"
                 : "+r"(l), "+r"(x), "+r"(e)
                 :
                 : "r3", "r4", "r5", "r6", "r7", "r8", "r9", "r10", "r11", "r12", "lr", "cc", "memory");
}

/* Four columns of a line. */
EW_INLINE const int8_t *ew_planes_four(const int8_t *from, int32_t *to, int32_t step) {
  int32_t zero = 0;
  __asm volatile(".syntax unified\n"
                 "ldrsb r2, [%[p], %[z]]\n add %[p], %[s]\n ldrsb r3, [%[p], %[z]]\n add %[p], %[s]\n"
                 "ldrsb r4, [%[p], %[z]]\n add %[p], %[s]\n ldrsb r5, [%[p], %[z]]\n add %[p], %[s]\n"
                 "stmia %[d]!, {r2, r3, r4, r5}\n"
                 : [p] "+l"(from), [d] "+l"(to)
                 : [s] "r"(step), [z] "l"(zero)
                 : "r2", "r3", "r4", "r5", "cc", "memory");
  return from;
}
#else
EW_INLINE void ew_planes_sums(ew_planes_line *line, const int32_t *x, const int32_t *taps_end) {
  for (; x < line->end; x += 4, line->sums += 4) {
    for (int32_t i = 0; i < 4; i++) {
      uint32_t a = 0;
      for (const int32_t *tap = line->taps; tap != taps_end; tap += 2)
        a += (uint32_t)tap[0] * (uint32_t)x[tap[1] / 4 + i];
      line->sums[i] = (int32_t)a;
    }
  }
}

EW_INLINE const int8_t *ew_planes_four(const int8_t *p, int32_t *d, int32_t step) {
  for (int32_t i = 0; i < 4; i++, p += step) d[i] = *p;
  return p;
}
#endif

/* The border of all planes: they lie at the same place one after the other. */
EW_NOINLINE void ew_planes_border(int32_t *d, int32_t value, int32_t count) {
  for (; count > 0; count--) *d++ = value;
}

/* What is inside the plane of a channel. */
EW_NOINLINE void ew_planes_spread(const void *const *rows, int32_t *plane, int32_t channel, const ew_planes *g,
                                  const ew_phase *phases) {
  int32_t step = g->step_bytes;
  plane += g->first_word;
  for (int32_t i = 0; i < g->phases; i++, phases++) {
    const int8_t *line = (const int8_t *)rows[0] + channel + phases->offset;
    int32_t *to = plane + phases->left;
    for (int32_t n = 0; n < g->lines; n++, line += g->line_bytes, to += g->plane_line) {
      const int8_t *p = g->line_bytes == 0 ? (const int8_t *)rows[n] + channel + phases->offset : line;
      int32_t *d = to, left = phases->inside;
      for (; left >= 4; left -= 4, d += 4) p = ew_planes_four(p, d, step);
      for (; left > 0; left--, p += step) *d++ = *p;
    }
  }
}

/* Weights of an output channel beside the distances of their inputs. */
EW_NOINLINE void ew_planes_taps(int32_t *taps, const int8_t *w, const int32_t *distances, int32_t count) {
  for (; count > 0; count--, taps += 2) {
    taps[0] = *w++;
    taps[1] = *distances++;
  }
}

/* All outputs. w: [channels * multiplier][taps]; distances: [taps] bytes in a plane; k: constants of FINISH for each
 * channel; taps: room for 2 * taps words, the sums of a line in fours, a plane and three words. */
#define EW_PLANES_FINISH(NAME, FINISH)                                                                              \
  EW_INLINE void NAME##_finish(const int32_t *sums, int32_t count, int8_t *y, int32_t step, const int32_t *k,       \
                               int32_t piece, int32_t shift, int32_t zero_point, int32_t low, int32_t high) {       \
    int32_t c[FINISH##_WORDS];                                                                                      \
    (void)piece, (void)shift, (void)zero_point;                                                                     \
    for (int32_t i = 0; i < FINISH##_WORDS; i++) c[i] = k[i];                                                       \
    for (const int32_t *end = sums + count; sums != end; sums++, y += step)                                         \
      *y = FINISH(*sums, c, piece, shift, zero_point, low, high);                                                   \
  }
#define EW_PLANES(NAME, FINISH)                                                                                     \
  EW_PLANES_FINISH(NAME, FINISH)                                                                                    \
  EW_INLINE void NAME(const void *const *rows, int8_t *y, const ew_planes *g, const ew_phase *phases,               \
                      const int32_t *distances, const int8_t *w, const int32_t *k, int32_t *taps, int32_t enter,    \
                      int32_t piece, int32_t shift, int32_t zero_point, int32_t low, int32_t high) {                \
    int32_t *taps_end = taps + 2 * g->taps, *plane = taps_end + ((g->out_columns + 3) & ~3), left = 0, channel = 0; \
    ew_planes_border(plane, g->zero_point, g->plane_words);                                                         \
    for (int32_t o = g->channels * g->multiplier; o > 0; o--, y++, w += g->taps, k += FINISH##_WORDS) {             \
      if (left == 0) ew_planes_spread(rows, plane, channel++, g, phases), left = g->multiplier;                     \
      left--;                                                                                                       \
      ew_planes_taps(taps, w, distances, g->taps);                                                                  \
      int8_t *to = y;                                                                                               \
      const int32_t *x = plane;                                                                                     \
      for (int32_t n = g->out_lines; n > 0; n--, x += g->line_words, to += g->out_line_bytes) {                     \
        ew_planes_line line = {taps, enter, taps_end, x + g->out_columns};                                          \
        ew_planes_sums(&line, x, taps_end);                                                                         \
        NAME##_finish(taps_end, g->out_columns, to, g->out_pixel_bytes, k, piece, shift, zero_point, low, high);    \
      }                                                                                                             \
    }                                                                                                               \
  }
EW_PLANES(ew_planes_steps2, EW_STEPS2)
EW_PLANES(ew_planes_steps3, EW_STEPS3)
EW_PLANES(ew_planes_steps2_signed, EW_STEPS2_SIGNED)
EW_PLANES(ew_planes_steps3_signed, EW_STEPS3_SIGNED)
EW_PLANES(ew_planes_twice, EW_STEPS_TWICE)
#endif
