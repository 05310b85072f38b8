/* Receptive field of one output pixel as int8: (ky, kx, channel) in order. */
#ifndef EW_GATHER_S8_H
#define EW_GATHER_S8_H
#include "ew_gather.h"

EW_NOINLINE void ew_gather_s8(const void *const *rows, int8_t *x, int32_t column, int32_t channel, const ew_window *w) {
  int32_t whole = w->dilation == 1 && w->pixel == w->channels && column >= 0 && column + w->width <= w->columns;
  for (int32_t ky = 0; ky < w->height; ky++) {
    const int8_t *row = (const int8_t *)rows[ky] + channel;
    if (whole) {
      memcpy(x, row + column * w->pixel, (uint32_t)(w->channels * w->width));
      x += w->channels * w->width;
      continue;
    }
    for (int32_t kx = 0, c = column; kx < w->width; kx++, c += w->dilation, x += w->channels) {
      if (c >= 0 && c < w->columns) memcpy(x, row + c * w->pixel, (uint32_t)w->channels);
      else memset(x, w->zero_point, (uint32_t)w->channels);
    }
  }
}
#endif
