/* What the wide tiles (`ew_wide_dsp.h`) read: receptive fields as words of two int16, x[step][pixel], and weights that were
 * stored as int8.
 *
 * A run is n consecutive bytes of the input. A quad of it becomes the words (0, 2) and (1, 3), as SXTB16 yields them; what is
 * left at the end (n >= 4) comes from the last word of the run, so that nothing behind it is read: one element as
 * (n-3, n-1), two as (n-2, n-1), three as (n-4, n-2), (n-3, n-1). Weights of elements that were there before are 0. */
#ifndef EW_WIDE_GATHER_H
#define EW_WIDE_GATHER_H
#include "ew_gather.h"

EW_INLINE uint32_t ew_wide_even(uint32_t v) {
  __asm("sxtb16 %0, %1" : "=r"(v) : "r"(v));
  return v;
}
EW_INLINE uint32_t ew_wide_odd(uint32_t v) {
  __asm("sxtb16 %0, %1, ror #8" : "=r"(v) : "r"(v));
  return v;
}
EW_INLINE uint32_t ew_wide_double(uint32_t v) {
  __asm("sadd16 %0, %1, %1" : "=r"(v) : "r"(v));
  return v;
}
EW_INLINE uint32_t ew_wide_scale(uint32_t v, int32_t twice) { return twice ? ew_wide_double(v) : v; }

/* The end of a run of which `rest` bytes are left before p; `step`: words from one word of a pixel to the next. */
EW_INLINE void ew_wide_rest(const int8_t *p, uint32_t *x, int32_t rest, int32_t step, int32_t twice) {
  uint32_t v = ew_load_quad(p - 4), even = ew_wide_even(v), odd = ew_wide_odd(v);
  if (rest == 1) {
    x[0] = ew_wide_scale(odd, twice);
  } else if (rest == 2) {
    uint32_t last;
    __asm("pkhtb %0, %1, %2, asr #16" : "=r"(last) : "r"(odd), "r"(even));
    x[0] = ew_wide_scale(last, twice);
  } else {
    x[0] = ew_wide_scale(even, twice);
    x[step] = ew_wide_scale(odd, twice);
  }
}

/* A run of one pixel; `step`: words from one word of a pixel to the next. */
EW_INLINE uint32_t *ew_wide_one(const int8_t *p, uint32_t *x, int32_t n, int32_t step, int32_t twice) {
  for (const int8_t *end = p + (n & ~3); p != end; p += 4, x += 2 * step) {
    uint32_t v = ew_load_quad(p);
    x[0] = ew_wide_scale(ew_wide_even(v), twice);
    x[step] = ew_wide_scale(ew_wide_odd(v), twice);
  }
  int32_t rest = n & 3;
  if (rest == 0) return x;
  ew_wide_rest(p + rest, x, rest, step, twice);
  return x + (rest == 3 ? 2 * step : step);
}
EW_NOINLINE uint32_t *ew_wide_run(const int8_t *p, uint32_t *x, int32_t n, int32_t step) {
  return ew_wide_one(p, x, n, step, 0);
}
EW_NOINLINE uint32_t *ew_wide_run_twice(const int8_t *p, uint32_t *x, int32_t n, int32_t step) {
  return ew_wide_one(p, x, n, step, 1);
}

/* Words of four int8 weights, of two channels by turns, to doubled int16: of (a, b) the words (even a, even b, odd a, odd b).
 * `end` of w; an even number of words, two or four at a time. */
#define EW_WIDE_EXPAND(first, second)                                                              \
  "sxtb16 r8, " first "\n sxtb16 r9, " second "\n"                                                 \
  "sxtb16 " first ", " first ", ror #8\n sxtb16 " second ", " second ", ror #8\n"                   \
  "sadd16 r8, r8, r8\n sadd16 r9, r9, r9\n"                                                        \
  "sadd16 " first ", " first ", " first "\n sadd16 " second ", " second ", " second "\n"            \
  "str r8, [r1], #16\n str r9, [r1, #-12]\n str " first ", [r1, #-8]\n str " second ", [r1, #-4]\n"
static __attribute__((naked, noinline, unused)) void ew_wide_expand_words(const uint32_t *w __attribute__((unused)),
                                                                          uint32_t *d __attribute__((unused)),
                                                                          const uint32_t *end __attribute__((unused))) {
  __asm volatile(
      "push {r4-r9, lr}\n sub r2, #16\n"
      "1:\n cmp r0, r2\n bhi 2f\n"
      "ldr r4, [r0], #16\n ldr r5, [r0, #-12]\n ldr r6, [r0, #-8]\n ldr r7, [r0, #-4]\n"
      EW_WIDE_EXPAND("r4", "r5") EW_WIDE_EXPAND("r6", "r7") "b 1b\n"
      "2:\n add r2, #16\n cmp r0, r2\n beq 3f\n ldr r4, [r0], #8\n ldr r5, [r0, #-4]\n"
      EW_WIDE_EXPAND("r4", "r5") "3:\n pop {r4-r9, pc}\n");
}

/* int8 streams to int16 ones: of each of `pairs` pairs the biases, `quads` quads of each of the two channels, and constants. */
EW_NOINLINE void ew_wide_expand(const uint32_t *w, uint32_t *d, int32_t pairs, int32_t quads, int32_t constants) {
  for (; pairs > 0; pairs--) {
    d[0] = w[0];
    d[1] = w[1];
    ew_wide_expand_words(w + 2, d + 2, w + 2 + 2 * quads);
    w += 2 + 2 * quads;
    d += 2 + 4 * quads;
    for (int32_t i = 0; i < constants; i++) d[i] = w[i];
    w += constants;
    d += constants;
  }
}
#endif
