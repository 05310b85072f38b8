/* 3x3 depthwise layers on planes whose code serves every shape: how rows become planes.
 *
 * The planes of four channels hold eight row pairs at a time. A column takes 128 bytes, and the words of row pair p
 * in it lie 16 * p behind its begin: so the words of the next row pair are always at the same distance, the next
 * column too, and a row pair takes the place that the one eight before it had one column to the right. Nothing is
 * copied. */
#ifndef EW_PLANES_SHARED_DSP_H
#define EW_PLANES_SHARED_DSP_H
#include "ew_planes_dsp.h"

/* A layer. Words are those of the planes. */
typedef struct {
  int32_t fours;     /* of channels */
  int32_t groups;    /* of output rows: two with vertical stride 1, else one */
  int32_t band;      /* groups whose row pairs the planes hold */
  int32_t more;      /* row pairs that groups read besides one for each */
  int32_t alone;     /* the last group has a row less */
  int32_t first;     /* row pair that the first window begins with; -1 lies above the tensor */
  int32_t rows;      /* of the input */
  int32_t row_bytes; /* of the input */
  int32_t out_bytes; /* of the rows of a group */
  int32_t wide;      /* columns of the planes */
  int32_t inside;    /* word of the first column inside the tensor */
  int32_t border[2]; /* words of the columns that are outside, or are not read */
  int32_t expand[5]; /* negated zero point, in both halves; channels; columns less 2; to the next pair: x, planes */
  int32_t line[5];   /* for the functions that make output rows */
} ew_planes_shape;

/* `single`: single stores are the fastest; `dual`: instructions count. */
#define EW_PLANES_STORE_single(a, b, at) \
  "str " a ", [r2, #" at "]\n str " b ", [r2, #" at "+4]\n str r10, [r2, #" at "+8]\n str r11, [r2, #" at "+12]\n"
#define EW_PLANES_NEXT_single "add r2, #256\n"
#define EW_PLANES_STORE_dual(a, b, at) "stmia r2!, {" a ", " b ", r10, r11}\n add r2, #112\n"
#define EW_PLANES_NEXT_dual ""

/* Four channels of one column of two rows, a and b, side by side; then rows of one channel. */
#define EW_PLANES_COLUMN(core, a, b, at)                                                           \
  "pkhbt r9, " a ", " b ", lsl #16\n pkhtb r11, " b ", " a ", asr #16\n"                           \
  "sxtab16 " a ", r3, r9\n sxtab16 " b ", r3, r9, ror #8\n"                                        \
  "sxtab16 r10, r3, r11\n sxtab16 r11, r3, r11, ror #8\n" EW_PLANES_STORE_##core(a, b, at)

/* Row pairs of the planes, two columns at a time; for an odd number the last two overlap those before.
 * `below`: bytes from the upper to the lower row. Frame: columns less 2, tensor, planes, row pairs left. */
#define EW_PLANES_EXPAND(core)                                                                     \
  EW_NAKED void ew_planes_expand_##core(const int8_t *x EW_UNUSED, int32_t below EW_UNUSED,        \
      uint32_t *to EW_UNUSED, const int32_t *expand EW_UNUSED, int32_t pairs EW_UNUSED) {          \
    __asm volatile(                                                                                \
        "push {r4-r11, lr}\n ldm r3, {r3, r4, r5, r6, r7}\n ldr r8, [sp, #36]\n push {r5-r8}\n"   \
        "add r12, r1, r4\n"                                                                        \
        "1:\n ldr lr, [sp]\n"                                                                      \
        "2:\n ldr r5, [r0]\n ldr r6, [r0, r4]\n ldr r7, [r0, r1]\n ldr r8, [r0, r12]\n"            \
        "add r0, r0, r4, lsl #1\n"                                                                 \
        EW_PLANES_COLUMN(core, "r5", "r7", "0") EW_PLANES_COLUMN(core, "r6", "r8", "128")          \
        EW_PLANES_NEXT_##core "subs lr, #2\n bpl 2b\n"                                             \
        "adds lr, #1\n bne 3f\n sub r0, r4\n sub r2, #128\n b 2b\n"                               \
        "3:\n ldr r5, [sp, #4]\n ldr r6, [sp, #8]\n ldr r7, [sp, #12]\n"                            \
        "add r0, r5\n add r2, r6\n subs r7, #1\n str r7, [sp, #12]\n bne 1b\n"                      \
        "add sp, #16\n pop {r4-r11, pc}\n");                                                       \
  }

EW_PLANES_EXPAND(single)
EW_PLANES_EXPAND(dual)

typedef void ew_planes_expand(const int8_t *x, int32_t below, uint32_t *to, const int32_t *expand, int32_t pairs);

/* Functions that take others are inlined: no call is indirect. */
#define EW_PLANES_INLINE static inline __attribute__((always_inline))

static inline void ew_planes_clear(uint32_t *to) { to[0] = to[1] = to[2] = to[3] = 0; }

/* What lies outside the tensor in some row pairs of the planes. */
static __attribute__((unused, noinline)) void ew_planes_outside(
    uint32_t *to, int32_t p, int32_t pairs, const ew_planes_shape *g) {
  for (; pairs > 0; pairs--, p++, to += 4) {
    ew_planes_clear(to + g->border[0]);
    ew_planes_clear(to + g->border[1]);
    if (p >= 0 && 2 * p < g->rows) continue;
    uint32_t *at = to;
    for (int32_t c = g->wide; c > 0; c--, at += 32) ew_planes_clear(at);
  }
}

/* Row pairs p .. p + pairs - 1 of four channels; `fresh`: others may have been at their places. */
EW_PLANES_INLINE void ew_planes_fill(const int8_t *x, uint32_t *to, int32_t p, int32_t pairs,
    const ew_planes_shape *g, int32_t fresh, ew_planes_expand *expand) {
  if (fresh) ew_planes_outside(to, p, pairs, g);
  if (p < 0) p++, pairs--, to += 4;
  int32_t row_bytes = g->row_bytes, whole = g->rows / 2 - p;
  if (whole > pairs) whole = pairs;
  x += 2 * p * row_bytes;
  if (whole > 0) expand(x, row_bytes, to + g->inside, g->expand, whole);
  if (whole < 0 || whole == pairs || g->rows % 2 == 0) return;
  /* The last row has none below. */
  uint32_t *at = to + 4 * whole;
  expand(x + 2 * whole * row_bytes, 0, at + g->inside, g->expand, 1);
  for (int32_t c = g->wide; c > 0; c--, at += 32)
    for (int32_t i = 0; i < 4; i++) at[i] &= 0xFFFFu;
}

#define EW_PLANES_FILL(core)                                                                       \
  static __attribute__((unused, noinline)) void ew_planes_fill_##core(                             \
      const int8_t *x, uint32_t *to, int32_t p, int32_t pairs, const ew_planes_shape *g, int32_t fresh) { \
    ew_planes_fill(x, to, p, pairs, g, fresh, ew_planes_expand_##core);                            \
  }

EW_PLANES_FILL(single)
EW_PLANES_FILL(dual)

typedef void ew_planes_filler(
    const int8_t *x, uint32_t *to, int32_t p, int32_t pairs, const ew_planes_shape *g, int32_t fresh);

/* Makes output rows of four channels; a row counts 16. */
typedef void ew_planes_rows(const uint32_t *v, int8_t *out, const uint32_t *k, const int32_t *line, int32_t rows,
    int32_t others);

/* A layer. k: six words a channel; v: the planes. */
EW_PLANES_INLINE void ew_planes_layer(const int8_t *x, int8_t *y, const uint32_t *k, uint32_t *v,
    const ew_planes_shape *g, ew_planes_rows *make, ew_planes_filler *fill) {
  int32_t fresh = 1;
  for (int32_t n = g->fours; n > 0; n--, x += 4, y += 4, k += 24) {
    uint32_t *from = v, *to = v;
    int8_t *out = y;
    int32_t p = g->first, pairs = g->more;
    for (int32_t left = g->groups; left > 0; left -= g->band) {
      int32_t now = left < g->band ? left : g->band;
      pairs += now;
      fill(x, to, p, pairs, g, fresh);
      make(from, out, k, g->line, 16 * now, 16 * (now - (left <= g->band ? g->alone : 0)));
      from += 4 * now, out += now * g->out_bytes;
      to += 4 * pairs, p += pairs, pairs = 0;
    }
    fresh = g->groups > g->band;
  }
}
#endif
