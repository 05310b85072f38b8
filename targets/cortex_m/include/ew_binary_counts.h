/* Mismatches of 32 channels as numbers, from their planes. */
#ifndef EW_BINARY_COUNTS_H
#define EW_BINARY_COUNTS_H
#include "ew_binary_planes.h"
#include "ew_tile.h"

/* `count` planes, `step` words apart, as bytes: of channel 8 i + lane in byte i of lanes[lane]. */
EW_NOINLINE void ew_binary_spread(const uint32_t *planes, int32_t step, int32_t count, uint32_t *lanes) {
  uint32_t a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0, ones = 0x01010101u;
  for (const uint32_t *p = planes + count * step; p != planes;) {
    p -= step;
    uint32_t v = *p;
    a = (a << 1) + (v & ones), b = (b << 1) + (v >> 1 & ones), c = (c << 1) + (v >> 2 & ones);
    d = (d << 1) + (v >> 3 & ones), e = (e << 1) + (v >> 4 & ones), f = (f << 1) + (v >> 5 & ones);
    g = (g << 1) + (v >> 6 & ones), h = (h << 1) + (v >> 7 & ones);
  }
  lanes[0] = a, lanes[1] = b, lanes[2] = c, lanes[3] = d, lanes[4] = e, lanes[5] = f, lanes[6] = g, lanes[7] = h;
}

/* Mismatches of 32 channels, from planes below `top`. */
EW_NOINLINE void ew_binary_counts(const uint32_t *planes, int32_t step, int32_t top, uint16_t *counts) {
  uint32_t low[8], high[8] = {0}, even = 0x00FF00FFu;
  ew_binary_spread(planes, step, top < 8 ? top : 8, low);
  if (top > 8) ew_binary_spread(planes + 8 * step, step, top - 8, high);
  for (int32_t lane = 0; lane < 8; lane++, counts++) {
    uint32_t v = (low[lane] & even) | (high[lane] & even) << 8;
    uint32_t odd = (low[lane] >> 8 & even) | (high[lane] & ~even);
    counts[0] = (uint16_t)v, counts[8] = (uint16_t)odd;
    counts[16] = (uint16_t)(v >> 16), counts[24] = (uint16_t)(odd >> 16);
  }
}
#endif
