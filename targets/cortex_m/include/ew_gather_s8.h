/* Receptive fields of a run of output pixels as int8, each (ky, kx, channel) in order, `depth` bytes apart. */
#ifndef EW_GATHER_S8_H
#define EW_GATHER_S8_H
#include "ew_gather.h"

EW_NOINLINE void ew_gather_s8(const void *const *rows, int8_t *x, int32_t column, int32_t pixels, int32_t stride,
                              int32_t channel, const ew_window *w, int32_t depth) {
  int32_t whole = w->dilation == 1 && w->pixel == w->channels;
  for (; pixels > 0; pixels--, column += stride, x += depth) {
    int8_t *d = x;
    for (int32_t ky = 0; ky < w->height; ky++) {
      const int8_t *row = (const int8_t *)rows[ky] + channel;
      if (whole && column >= 0 && column + w->width <= w->columns) {
        d = ew_copy(d, row + column * w->pixel, w->channels * w->width);
        continue;
      }
      for (int32_t kx = 0, c = column; kx < w->width; kx++, c += w->dilation) {
        if (c >= 0 && c < w->columns) {
          d = ew_copy(d, row + c * w->pixel, w->channels);
        } else {
          for (int32_t i = 0; i < w->channels; i++) *d++ = (int8_t)w->zero_point;
        }
      }
    }
  }
}
#endif
