/* Receptive fields of a run of output pixels as int8, each (ky, kx, channel) in order, `depth` bytes apart. */
#ifndef EW_GATHER_S8_H
#define EW_GATHER_S8_H
#include "ew_gather.h"

EW_NOINLINE void ew_gather_s8(const void *const *rows, int8_t *x, int32_t column, int32_t pixels, int32_t stride,
                              int32_t channel, const ew_window *w, int32_t depth) {
  for (; pixels > 0; pixels--, column += stride, x += depth) ew_line_up(rows, x, column, channel, w);
}
#endif
