/* Pooling of channels in multiples of 4, four or eight at a time; see ew_pool.h and ew_lanes.h. */
#ifndef EW_POOL_FOURS_H
#define EW_POOL_FOURS_H
#include "ew_lanes.h"
#include "ew_pool.h"

/* Windows up to this size are divided by a product of 32 bits: with n = |sum| + count / 2 <= 128.5 count and
 * r = floor(2^24 / count) + 1, n * r stays below 2^32 and floor(n * r / 2^24) is floor(n / count), because
 * n * (r * count - 2^24) <= 128.5 count * count < 2^24. */
#define EW_POOL_PRODUCT 361

typedef struct {
  int32_t count, half;
  uint32_t reciprocal; /* 0: divide */
} ew_divisor;

EW_INLINE ew_divisor ew_pool_divisor(int32_t count) {
  uint32_t n = (uint32_t)count;
  return (ew_divisor){count, count / 2, n > 0 && n <= EW_POOL_PRODUCT ? (1u << 24) / n + 1 : 0};
}

/* Halves away from zero. */
EW_INLINE int8_t ew_pool_mean(int32_t sum, const ew_divisor *d, const ew_pool *g) {
  uint32_t n = (uint32_t)((sum < 0 ? -sum : sum) + d->half);
  int32_t v = (int32_t)(d->reciprocal ? n * d->reciprocal >> 24 : n / (uint32_t)d->count);
  return (int8_t)ew_clamp(sum < 0 ? -v : v, g->low, g->high);
}

/* One window: channels c .. c + 3, or c + 7. */
EW_INLINE void ew_pool_window(const void *const *rows, int8_t *out, const ew_pool *g, ew_span s, int32_t c,
                              int32_t eight, const ew_divisor *d) {
  int32_t sums[8] = {0}, pixels = 0, columns = s.last - s.first;
  ew_lanes a = {0, 0}, b = {0, 0};
  for (int32_t y = 0; y < g->height; y++) {
    if (!rows[y]) continue;
    if (pixels + columns > EW_LANE_PIXELS) {
      ew_lanes_flush(&a, pixels, sums);
      if (eight) ew_lanes_flush(&b, pixels, sums + 4);
      pixels = 0;
    }
    const int8_t *p = (const int8_t *)rows[y] + s.first * g->channels + c;
    ew_lanes_pixels(p, columns, g->channels, &a, eight ? &b : 0);
    pixels += columns;
  }
  ew_lanes_flush(&a, pixels, sums);
  if (eight) ew_lanes_flush(&b, pixels, sums + 4);
  for (int32_t i = 0; i < (eight ? 8 : 4); i++) out[i] = ew_pool_mean(sums[i], d, g);
}

/* Windows of at most EW_LANE_PIXELS columns. */
EW_NOINLINE void ew_average_pool_fours(const void *const *rows, int8_t *out, const ew_pool *g) {
  int32_t height = 0;
  for (int32_t y = 0; y < g->height; y++) height += rows[y] != 0;
  for (int32_t x = 0; x < g->out_columns; x++) {
    ew_span s = ew_pool_span(g, x);
    ew_divisor d = ew_pool_divisor((s.last - s.first) * height);
    int32_t c = 0;
    for (; c + 8 <= g->channels; c += 8) ew_pool_window(rows, out + c, g, s, c, 1, &d);
    if (c < g->channels) ew_pool_window(rows, out + c, g, s, c, 0, &d);
    out += g->channels;
  }
}

/* The same in parts; see ew_pool.h. */
EW_NOINLINE void ew_average_pool_fours_add(const int8_t *row, int32_t *sums, const ew_pool *g) {
  for (int32_t x = 0; x < g->out_columns; x++) {
    ew_span s = ew_pool_span(g, x);
    for (int32_t c = 0; c < g->channels; c += 4, sums += 4)
      ew_lanes_run(row + s.first * g->channels + c, s.last - s.first, g->channels, sums, 0);
  }
}

EW_NOINLINE void ew_average_pool_fours_finish(const int32_t *sums, int8_t *out, const ew_pool *g) {
  for (int32_t x = 0; x < g->out_columns; x++) {
    ew_span s = ew_pool_span(g, x);
    ew_divisor d = ew_pool_divisor((s.last - s.first) * g->height);
    for (int32_t c = 0; c < g->channels; c++) *out++ = ew_pool_mean(*sums++, &d, g);
  }
}

/* The larger of four pairs of bytes. */
EW_INLINE uint32_t ew_larger(uint32_t a, uint32_t b) {
#if defined(__ARM_FEATURE_DSP)
  uint32_t r; /* SSUB8 notes which are not less, SEL takes them */
  __asm("ssub8 %0, %1, %2\n sel %0, %1, %2" : "=&r"(r) : "r"(a), "r"(b) : "cc");
  return r;
#else
  const uint32_t top = 0x80808080u;
  uint32_t lower = (a | top) - (b & ~top); /* top bits: the lower seven bits of a are not less */
  uint32_t same = ~(a ^ b);                /* top bits: equal signs */
  uint32_t ones = ((b & ~a) | (same & lower)) >> 7 & 0x01010101u;
  uint32_t mask = (ones << 8) - ones;
  return (a & mask) | (b & ~mask);
#endif
}

EW_INLINE void ew_max_window(const void *const *rows, int8_t *out, const ew_pool *g, ew_span s, int32_t c,
                             int32_t eight) {
  uint32_t best[2] = {0x80808080u, 0x80808080u};
  for (int32_t y = 0; y < g->height; y++) {
    if (!rows[y]) continue;
    const int8_t *p = (const int8_t *)rows[y] + s.first * g->channels + c;
    for (int32_t n = s.last - s.first; n > 0; n--, p += g->channels) {
      best[0] = ew_larger(best[0], ew_four(p));
      if (eight) best[1] = ew_larger(best[1], ew_four(p + 4));
    }
  }
  if (g->low > -128 || g->high < 127) {
    uint32_t low = 0x01010101u * (uint8_t)g->low, high = 0x01010101u * (uint8_t)g->high;
    for (int32_t i = 0; i <= eight; i++) {
      best[i] = ew_larger(best[i], low);
      best[i] ^= ew_larger(best[i], high) ^ high; /* the smaller: a ^ b ^ larger */
    }
  }
  memcpy(__builtin_assume_aligned(out, 4), best, eight ? 8 : 4);
}

EW_NOINLINE void ew_max_pool_fours(const void *const *rows, int8_t *out, const ew_pool *g) {
  for (int32_t x = 0; x < g->out_columns; x++) {
    ew_span s = ew_pool_span(g, x);
    int32_t c = 0;
    for (; c + 8 <= g->channels; c += 8) ew_max_window(rows, out + c, g, s, c, 1);
    if (c < g->channels) ew_max_window(rows, out + c, g, s, c, 0);
    out += g->channels;
  }
}
#endif
