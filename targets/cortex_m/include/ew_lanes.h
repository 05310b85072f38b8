/* Sums of four neighbouring int8 channels at a time, two in the halves of a word.
 *
 * A half holds the sum of up to EW_LANE_PIXELS values; then it is added to sums of 32 bits. Rows are 4-byte
 * aligned, and so is every pixel, because the channels are a multiple of 4. */
#ifndef EW_LANES_H
#define EW_LANES_H
#include "ew_math.h"

#define EW_LANE_PIXELS 256

typedef struct {
  uint32_t even, odd; /* channels 0 and 2, 1 and 3 */
} ew_lanes;

EW_INLINE uint32_t ew_four(const int8_t *p) {
  uint32_t v;
  memcpy(&v, __builtin_assume_aligned(p, 4), 4);
  return v;
}

EW_INLINE void ew_lanes_add(ew_lanes *l, uint32_t four) {
#if defined(__ARM_FEATURE_DSP)
  __asm("sxtab16 %0, %0, %1" : "+r"(l->even) : "r"(four));
  __asm("sxtab16 %0, %0, %1, ror #8" : "+r"(l->odd) : "r"(four));
#else
  four ^= 0x80808080u; /* plus 128 each: no borrow from half to half */
  l->even += four & 0x00FF00FFu;
  l->odd += four >> 8 & 0x00FF00FFu;
#endif
}

/* Add the sums over so many pixels to those of four channels, and begin again. */
EW_INLINE void ew_lanes_flush(ew_lanes *l, int32_t pixels, int32_t *sums) {
#if defined(__ARM_FEATURE_DSP)
  (void)pixels;
  sums[0] += (int16_t)l->even;
  sums[1] += (int16_t)l->odd;
  sums[2] += (int32_t)l->even >> 16;
  sums[3] += (int32_t)l->odd >> 16;
#else
  int32_t offset = 128 * pixels;
  sums[0] += (int32_t)(l->even & 0xFFFFu) - offset;
  sums[1] += (int32_t)(l->odd & 0xFFFFu) - offset;
  sums[2] += (int32_t)(l->even >> 16) - offset;
  sums[3] += (int32_t)(l->odd >> 16) - offset;
#endif
  l->even = l->odd = 0;
}

/* Pixels of four channels, or of eight (b not null), `step` bytes apart. */
EW_INLINE void ew_lanes_pixels(const int8_t *p, int32_t pixels, int32_t step, ew_lanes *a, ew_lanes *b) {
  for (; pixels > 0; pixels--, p += step) {
    uint32_t first = ew_four(p), second = b ? ew_four(p + 4) : 0;
    ew_lanes_add(a, first);
    if (b) ew_lanes_add(b, second);
  }
}

/* Add any number of pixels, `step` bytes apart, to the sums of four channels, or of eight. */
EW_INLINE void ew_lanes_run(const int8_t *p, int32_t pixels, int32_t step, int32_t *sums, int32_t eight) {
  ew_lanes a = {0, 0}, b = {0, 0};
  for (; pixels > 0; pixels -= EW_LANE_PIXELS, p += EW_LANE_PIXELS * step) {
    int32_t part = pixels < EW_LANE_PIXELS ? pixels : EW_LANE_PIXELS;
    ew_lanes_pixels(p, part, step, &a, eight ? &b : 0);
    ew_lanes_flush(&a, part, sums);
    if (eight) ew_lanes_flush(&b, part, sums + 4);
  }
}
#endif
