/* A convolution in wide tiles (`ew_wide_dsp.h`): what is the same in all layers. What a layer is stands in constants; its kernel
 * only says which functions compute its tiles:
 *
 *   ew_wide_begin(&s, rows, out, c, scratch);
 *   while ((n = ew_wide_next(&s)) != 0)        tiles of n pixels at equal distances
 *     do {
 *       if (s.height == 0) ew_wide_border(&s); where receptive fields may have to be lined up
 *       left = ew_wide_gather(&s);             or ew_wide_few for fewer than four pixels
 *       tile_n(&s.tile);                       and with an odd number of channels for ew_wide_last(&s)
 *     } while (left);
 *
 * Functions that end with _twice double what they gather, for int8 weights. */
#ifndef EW_WIDE_LAYER_DSP_H
#define EW_WIDE_LAYER_DSP_H
#include <stddef.h>

#include "ew_wide_dsp.h"

typedef struct {
  ew_window window;
  int32_t out_columns;
  int32_t pixels;                 /* of a call */
  int32_t rows;                   /* of the input, where a call takes the whole tensor; else 0: one output row */
  uint16_t groups, outputs;       /* channels of a group */
  uint16_t block, steps;          /* words of the stream of two channels, of a pixel in x */
  uint16_t first, second, last;   /* pixels of the tiles at the beginning, of those behind them, and of these in all */
  uint16_t stride;                /* horizontal */
  uint16_t run;                   /* bytes of a kernel row that are gathered at once; 0: they are not consecutive */
  uint16_t skip, skip_second;     /* of shared tile code */
  uint16_t row_stride, row_dilation; /* of a call that takes the whole tensor */
  uint16_t line, at, wide;        /* words from x: to a lined up row, to pointers to a window's rows, to int16 weights */
  uint16_t behind;                /* words of the stream behind the weights */
  int16_t pad_left, pad_top;
  int16_t low, high, spare;
} ew_wide_layer;

typedef struct {
  ew_wide_tile tile;
  /* Tiles at equal distances. `ew_wide_gather` loads these ten at once. */
  const void *const *rows; /* of the window */
  int32_t place, on;       /* bytes into them of the next tile, and from tile to tile */
  int8_t *y;               /* of the next tile, */
  int32_t y_on, channels;  /* and from tile to tile; bytes of a pixel of y that its tile writes, of an even number */
  int32_t count;           /* tiles */
  int32_t distance, run;   /* from pixel to pixel, bytes of each */
  int32_t height;          /* kernel rows; 0 where tiles are not gathered at once */
  int32_t pixels;          /* of each tile */
  int32_t group, left;     /* pixels left */
  int32_t row, column;     /* of the output */
  const int8_t *tensor, *padding;
  const ew_wide_layer *layer;
} ew_wide_state;

/* Pointers to the rows of the window of the next output row. */
EW_NOINLINE void ew_wide_window(ew_wide_state *s) {
  const ew_wide_layer *l = s->layer;
  const void **rows = (const void **)(s->tile.x + l->at);
  int32_t row_bytes = l->window.columns * l->window.pixel, row = s->row++ * l->row_stride - l->pad_top;
  s->column = 0;
  if (l->rows == 0) return;
  s->rows = rows;
  for (int32_t ky = l->window.height; ky > 0; ky--, row += l->row_dilation)
    *rows++ = row >= 0 && row < l->rows ? s->tensor + row * row_bytes : s->padding;
}

/* The first row of a group of channels. */
EW_INLINE void ew_wide_group(ew_wide_state *s) {
  s->left = s->layer->pixels;
  s->row = 0;
  ew_wide_window(s);
}

EW_NOINLINE void ew_wide_begin(ew_wide_state *s, const void *const *rows, void *out, const void *const *c, void *scratch) {
  const ew_wide_layer *l = (const ew_wide_layer *)c[0];
  s->layer = l;
  s->tile.w = (const int32_t *)c[1];
  if (l->rows) s->padding = (const int8_t *)c[2];
  s->rows = rows;
  s->tensor = (const int8_t *)rows[0];
  s->y = (int8_t *)out;
  s->tile.x = (uint32_t *)scratch;
  s->group = 0;
  s->tile.low = l->low;
  s->tile.high = l->high;
  s->tile.stride = l->groups * l->outputs;
  s->channels = l->outputs & ~1;
  s->distance = l->stride * l->window.pixel;
  s->run = l->run;
  ew_wide_group(s);
}

/* int8 streams to int16 ones. */
EW_NOINLINE void ew_wide_expand_layer(ew_wide_state *s) {
  const ew_wide_layer *l = s->layer;
  uint32_t *wide = (uint32_t *)s->tile.x + l->wide;
  ew_wide_expand((const uint32_t *)s->tile.w, wide, l->groups * ((l->outputs + 1) / 2), l->steps / 2, l->behind);
  s->tile.w = (const int32_t *)wide;
}

/* How many tiles of n pixels, all inside, begin at the next column. */
EW_INLINE int32_t ew_wide_inside(const ew_wide_state *s, int32_t column, int32_t n) {
  const ew_wide_layer *l = s->layer;
  int32_t free = l->window.columns - 1 - (l->window.width - 1) * l->window.dilation - column;
  if (l->run == 0 || column < 0 || free < 0) return 0;
  int32_t pixels = free / l->stride + 1, row = l->out_columns - s->column;
  return (pixels < row ? pixels : row) / n;
}

EW_NOINLINE int32_t ew_wide_next(ew_wide_state *s) {
  const ew_wide_layer *l = s->layer;
  if (s->left == 0) {
    if (++s->group == l->groups) return 0;
    s->tile.w += ((l->outputs + 1) >> 1) * l->block;
    s->y += l->outputs - l->pixels * s->tile.stride;
    ew_wide_group(s);
  }
  int32_t second = s->left <= l->last, n = second ? l->second : l->first;
  int32_t count = (second ? s->left : s->left - l->last) / n;
  if (s->column == l->out_columns) ew_wide_window(s);
  int32_t column = s->column * l->stride - l->pad_left, inside = ew_wide_inside(s, column, n);
  s->height = inside ? l->window.height : 0;
  if (inside == 0) inside = 1;
  if (count > inside) count = inside;
  if (s->height) s->column += n * count;
  s->left -= n * count;
  s->count = count;
  s->pixels = n;
  s->place = column * l->window.pixel + s->group * l->window.channels;
  s->on = n * s->distance;
  s->y_on = n * s->tile.stride;
  s->tile.skip = second ? l->skip_second : l->skip;
  s->tile.x_end = s->tile.x + n * l->steps;
  return n;
}

/* The tile for the last two channels of an odd number. */
EW_NOINLINE const ew_wide_tile *ew_wide_last(const ew_wide_state *s, ew_wide_tile *tile) {
  *tile = s->tile;
  tile->w += (s->channels >> 1) * s->layer->block;
  tile->out = tile->end++ - 1;
  return tile;
}

/* The next tile of four pixels; returns how many are left.
 *
 * r0 the first pixel, r1 x, r2 rows, r8 and r9 and r12 distances to the other pixels, r10 bytes of a run, r11 rows left. Frame:
 * place and tiles left. */
#define EW_WIDE_GATHER_AS(v, even, odd, double)                                                    \
  "sxtb16 r3, " v "\n sxtb16 " v ", " v ", ror #8\n" double("r3") double(v)                        \
  "str " v ", [r1, #" odd "]\n str r3, " even "\n"
#define EW_WIDE_GATHER(NAME, DOUBLE)                                                               \
  static __attribute__((naked, noinline, unused)) int32_t NAME(ew_wide_state *s EW_UNUSED) {       \
    __asm volatile(                                                                                \
        "push {r4-r11, lr}\n add r1, r0, #36\n ldmia r1, {r2-r11}\n"                               \
        "adds r4, r3\n adds r7, r5\n str r5, [r0, #8]\n str r7, [r0, #12]\n add r5, r6\n"           \
        "subs r8, #1\n str r4, [r0, #40]\n str r5, [r0, #48]\n str r8, [r0, #60]\n ldr r1, [r0, #4]\n" \
        "push {r3, r8}\n cmp r11, #0\n beq 5f\n lsl r8, r9, #1\n add r12, r8, r9\n"                \
        "1:\n ldr r0, [r2], #4\n ldr r3, [sp]\n bic lr, r10, #3\n add r0, r3\n add lr, r0\n"       \
        "cmp r0, lr\n beq 3f\n"                                                                    \
        "2:\n ldr r5, [r0, r9]\n ldr r6, [r0, r8]\n ldr r7, [r0, r12]\n ldr r4, [r0], #4\n"        \
        EW_WIDE_GATHER_AS("r5", "[r1, #4]", "20", DOUBLE) EW_WIDE_GATHER_AS("r6", "[r1, #8]", "24", DOUBLE) \
        EW_WIDE_GATHER_AS("r7", "[r1, #12]", "28", DOUBLE) EW_WIDE_GATHER_AS("r4", "[r1], #32", "16", DOUBLE) \
        "cmp r0, lr\n bne 2b\n"                                                     \
        "3:\n ands r6, r10, #3\n beq 4f\n subs r0, #4\n add r0, r6\n movs r7, #4\n"                \
        "6:\n ldr r4, [r0]\n add r0, r9\n sxtb16 r5, r4, ror #8\n sxtb16 r4, r4\n" DOUBLE("r5") DOUBLE("r4") \
        "cmp r6, #2\n it eq\n pkhtbeq r5, r5, r4, asr #16\n itt hi\n strhi r5, [r1, #16]\n movhi r5, r4\n" \
        "str r5, [r1], #4\n subs r7, #1\n bne 6b\n cmp r6, #3\n it eq\n addeq r1, #16\n"           \
        "4:\n subs r11, #1\n bne 1b\n"                                                             \
        "5:\n pop {r3, r8}\n mov r0, r8\n pop {r4-r11, pc}\n");                                    \
  }
#define EW_WIDE_ONCE(r) ""
#define EW_WIDE_TWICE(r) "sadd16 " r ", " r ", " r "\n"
EW_WIDE_GATHER(ew_wide_gather, EW_WIDE_ONCE)
EW_WIDE_GATHER(ew_wide_gather_twice, EW_WIDE_TWICE)
_Static_assert(offsetof(ew_wide_state, rows) == 36 && offsetof(ew_wide_state, height) == 72, "as the assembler has it");

/* The next tile of fewer pixels. */
EW_INLINE int32_t ew_wide_few_of(ew_wide_state *s, int32_t twice) {
  int32_t n = s->pixels, place = s->place, on = 1 - n;
  uint32_t *x = (uint32_t *)s->tile.x;
  s->place = place + s->on;
  s->tile.out = s->y;
  s->tile.end = s->y + s->channels;
  s->y += s->y_on;
  for (int32_t ky = 0; ky < s->height; ky++, x += on) {
    const int8_t *p = (const int8_t *)s->rows[ky] + place;
    uint32_t *first = x;
    for (int32_t i = 0; i < n; i++, p += s->distance)
      x = twice ? ew_wide_run_twice(p, first + i, s->run, n) : ew_wide_run(p, first + i, s->run, n);
  }
  return --s->count;
}
EW_NOINLINE int32_t ew_wide_few(ew_wide_state *s) { return ew_wide_few_of(s, 0); }
EW_NOINLINE int32_t ew_wide_few_twice(ew_wide_state *s) { return ew_wide_few_of(s, 1); }

/* Bytes in front of a lined up field, which a run of fewer than four bytes reads. */
#define EW_WIDE_LEAD 4

/* A kernel row of a receptive field as int8, in order. */
EW_NOINLINE void ew_wide_line_up(const int8_t *row, int8_t *d, int32_t column, const ew_window *w) {
  for (int32_t kx = w->width; kx > 0; kx--, column += w->dilation) {
    int32_t left = w->channels;
    if (column >= 0 && column < w->columns) {
      const int8_t *p = row + column * w->pixel;
      for (; left >= 4; left -= 4, d += 4, p += 4) memcpy(d, p, 4);
      for (; left > 0; left--) *d++ = *p++;
    }
    for (; left > 0; left--) *d++ = (int8_t)w->zero_point;
  }
}

/* Gathers the next tile, wherever its receptive fields lie; what is called behind it only counts it then. */
EW_INLINE void ew_wide_border_of(ew_wide_state *s, int32_t twice) {
  const ew_wide_layer *l = s->layer;
  const ew_window *w = &l->window;
  int32_t n = s->pixels, run = w->width * w->channels, channel = s->group * w->channels;
  int8_t *line = (int8_t *)(s->tile.x + l->line) + EW_WIDE_LEAD;
  for (int32_t i = 0; i < n; i++) {
    if (s->column == l->out_columns) ew_wide_window(s);
    int32_t column = s->column++ * l->stride - l->pad_left;
    int32_t whole = l->run && column >= 0 && column + (w->width - 1) * w->dilation < w->columns;
    uint32_t *x = (uint32_t *)s->tile.x + i;
    for (int32_t ky = 0; ky < w->height; ky++) {
      const int8_t *p = (const int8_t *)s->rows[ky] + channel;
      if (whole) {
        p += column * w->pixel;
      } else {
        ew_wide_line_up(p, line, column, w);
        p = line;
      }
      x = twice ? ew_wide_run_twice(p, x, run, n) : ew_wide_run(p, x, run, n);
    }
  }
}
EW_NOINLINE void ew_wide_border(ew_wide_state *s) { ew_wide_border_of(s, 0); }
EW_NOINLINE void ew_wide_border_twice(ew_wide_state *s) { ew_wide_border_of(s, 1); }
#endif
