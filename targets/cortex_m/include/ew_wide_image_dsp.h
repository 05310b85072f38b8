/* Wide tiles (`ew_wide_dsp.h`) without gathering: the input, or the rows of a window, are an image of int16 with its padding
 * in scratch, and the words of a receptive field are read where they are, at distances that are part of the instructions.
 *
 * EW_WIDE_IMAGE(name, pixels, weights, form, clamp, core, shift, stride, repeats, height, run, pitch, distance): as
 * EW_WIDE_STRAIGHT, with core `image_single` or `image_dual`; x is the first pixel's field in the image. Each of `height` rows
 * of a field has `run` words of two neighbouring elements; `pitch` bytes from row to row, `distance` from pixel to pixel. */
#ifndef EW_WIDE_IMAGE_DSP_H
#define EW_WIDE_IMAGE_DSP_H
#include "ew_wide_dsp.h"

#define EW_WIDE_TOP_image_single EW_WIDE_TOP_single
#define EW_WIDE_TOP_image_dual EW_WIDE_TOP_dual
#define EW_WIDE_BACK_image_single EW_WIDE_BACK_single
#define EW_WIDE_BACK_image_dual EW_WIDE_BACK_dual
#define EW_WIDE_NEXT_image_single EW_WIDE_NEXT_single
#define EW_WIDE_NEXT_image_dual EW_WIDE_NEXT_dual
#define EW_WIDE_AGAIN_image_single EW_WIDE_AGAIN_single
#define EW_WIDE_AGAIN_image_dual EW_WIDE_AGAIN_dual
#define EW_WIDE_THREE_0_image_single EW_WIDE_THREE_0_single
#define EW_WIDE_THREE_0_image_dual EW_WIDE_THREE_0_dual
#define EW_WIDE_THREE_1_image_single EW_WIDE_THREE_1_single
#define EW_WIDE_THREE_1_image_dual EW_WIDE_THREE_1_dual
#define EW_WIDE_FOUR_image_single EW_WIDE_FOUR_single
#define EW_WIDE_FOUR_image_dual EW_WIDE_FOUR_dual

/* Assembler symbols: step, and offset of its word of the first pixel. A step behind the last (w8 has an even number) has
 * weights of zero and reads the first word. */
#define EW_WIDE_ON                                                                                 \
  ".set ew_step, ew_step+1\n .set ew_at, -(ew_step < ew_steps)*(ew_step/ew_run*ew_pitch + ew_step%ew_run*4)\n"
#define EW_WIDE_READ(r, pixel) "ldr " r ", [r1, #ew_at+" pixel "*ew_distance]\n"
#define EW_WIDE_PAIR_4_image EW_WIDE_READ("r6", "0") EW_WIDE_READ("r7", "1")
#define EW_WIDE_REST_4_image EW_WIDE_READ("r6", "2") EW_WIDE_READ("r7", "3") EW_WIDE_ON
#define EW_WIDE_ALL_3_image EW_WIDE_READ("r6", "0") EW_WIDE_READ("r7", "1") EW_WIDE_READ("r12", "2") EW_WIDE_ON
#define EW_WIDE_ALL_2_image EW_WIDE_READ("r6", "0") EW_WIDE_READ("r7", "1") EW_WIDE_ON
#define EW_WIDE_ALL_1_image EW_WIDE_READ("r6", "0") EW_WIDE_ON
#define EW_WIDE_BEFORE_4_image_single ""
#define EW_WIDE_BEFORE_4_image_dual ""
#define EW_WIDE_BEFORE_3_image_single ""
#define EW_WIDE_BEFORE_3_image_dual ""
#define EW_WIDE_BEFORE_2_image_single ""
#define EW_WIDE_BEFORE_2_image_dual ""
#define EW_WIDE_BEFORE_1_image_single ""
#define EW_WIDE_BEFORE_1_image_dual ""
#define EW_WIDE_PAIR_4_image_single EW_WIDE_PAIR_4_image
#define EW_WIDE_PAIR_4_image_dual EW_WIDE_PAIR_4_image
#define EW_WIDE_REST_4_image_single EW_WIDE_REST_4_image
#define EW_WIDE_REST_4_image_dual EW_WIDE_REST_4_image
#define EW_WIDE_ALL_3_image_single EW_WIDE_ALL_3_image
#define EW_WIDE_ALL_3_image_dual EW_WIDE_ALL_3_image
#define EW_WIDE_ALL_2_image_single EW_WIDE_ALL_2_image
#define EW_WIDE_ALL_2_image_dual EW_WIDE_ALL_2_image
#define EW_WIDE_ALL_1_image_single EW_WIDE_ALL_1_image
#define EW_WIDE_ALL_1_image_dual EW_WIDE_ALL_1_image

#define EW_WIDE_IMAGE(NAME, P, WEIGHTS, FORM, CLAMP, CORE, SHIFT, STRIDE, REPEATS, HEIGHT, RUN, PITCH, DISTANCE) \
  EW_WIDE_TILE(NAME, P, WEIGHTS, FORM, CLAMP, CORE, #SHIFT, 3,                                      \
               ".set ew_step, 0\n .set ew_at, 0\n .set ew_run, " #RUN "\n .set ew_pitch, " #PITCH "\n" \
               ".set ew_steps, " #HEIGHT "*" #RUN "\n .set ew_distance, " #DISTANCE "\n",          \
               EW_WIDE_MANY(#REPEATS, P, WEIGHTS, CORE), EW_WIDE_STORE_##P(#STRIDE))

/* Four bytes as int16 in their order; d need not be aligned. */
EW_INLINE void ew_wide_put(const int8_t *p, int16_t *d, int32_t twice) {
  uint32_t v = ew_load_quad(p), even = ew_wide_scale(ew_wide_even(v), twice), odd = ew_wide_scale(ew_wide_odd(v), twice);
  uint32_t first, second;
  __asm("pkhbt %0, %1, %2, lsl #16" : "=r"(first) : "r"(even), "r"(odd));
  __asm("pkhtb %0, %1, %2, asr #16" : "=r"(second) : "r"(odd), "r"(even));
  memcpy(d, &first, 4);
  memcpy(d + 2, &second, 4);
}

/* One row of an image: `left` and `right` elements of padding beside n elements; without p there is only padding. */
EW_INLINE void ew_wide_image(const int8_t *p, int16_t *d, int32_t n, int32_t left, int32_t right, int32_t fill,
                             int32_t twice) {
  if (twice) fill *= 2;
  if (!p) {
    left += n;
    n = 0;
  }
  for (; left > 0; left--) *d++ = (int16_t)fill;
  for (; n >= 8; n -= 8, p += 8, d += 8) {
    ew_wide_put(p, d, twice);
    ew_wide_put(p + 4, d + 4, twice);
  }
  for (; n > 0; n--, p++) *d++ = (int16_t)(twice ? 2 * *p : *p);
  for (; right > 0; right--) *d++ = (int16_t)fill;
}
EW_NOINLINE void ew_wide_image_row(const int8_t *p, int16_t *d, int32_t n, int32_t left, int32_t right, int32_t fill) {
  ew_wide_image(p, d, n, left, right, fill, 0);
}
EW_NOINLINE void ew_wide_image_row_twice(const int8_t *p, int16_t *d, int32_t n, int32_t left, int32_t right, int32_t fill) {
  ew_wide_image(p, d, n, left, right, fill, 1);
}
#endif
