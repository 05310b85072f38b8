/* A whole layer of Winograd convolution: blocks of rows of tiles; of each its transformed inputs, then for two
 * output channels and four tiles at a time the sums of all points, and the outputs. */
#ifndef EW_WINOGRAD_LAYER_H
#define EW_WINOGRAD_LAYER_H
#include "ew_winograd_4_dsp.h"

/* Functions for a shape; null stands for the inline ones of ew_winograd.h. */
typedef struct {
  void (*dot)(const uint32_t *u, const uint32_t *v, int32_t *sums, int32_t points);
  void (*columns)(const int8_t *x, uint32_t *to, const uint32_t *end);
  void (*tile)(const uint32_t *from, uint32_t *v);
  void (*finish)(const int32_t *sums, const ew_winograd_channel *k, const int32_t *places, int32_t lanes,
                 int8_t *y);
  void (*finish_parts)(const int32_t *sums, const ew_winograd_channel *k, const int32_t *places, int32_t lanes,
                       int8_t *y);
  void (*expand)(const uint32_t *w, const uint32_t *end, uint32_t *u);
} ew_winograd_functions;

/* Literals, all of them.
 * size: outputs of a tile in each direction; form: of requantization; block: rows of tiles;
 * expand: 0 where the weights come transformed, 1: all are transformed first, 2: those of two channels at a
 * time, where one block is all there is. */
typedef struct {
  int32_t size, form, block, expand;
  int32_t rows, columns, channels, pad_top, pad_left, zero_point;
  int32_t out_rows, out_columns, outputs;
} ew_winograd_shape;

/* Points of a row of tiles: rows of pixels from x on, v [quads of tiles][points][pairs][4] from tile `first` on. */
EW_INLINE void ew_winograd_inputs(const ew_winograd_shape *s, const ew_winograd_functions *call, const int8_t *x,
                                  uint32_t *lines, uint32_t *v, int32_t first, int32_t tiles) {
  const int32_t n = s->size + 2, plane = s->size * tiles + 2, step = 2 * s->channels;
  uint32_t *begin = lines + s->pad_left, *end = begin + s->columns;
  for (int32_t c = 0; c < s->channels; c += 4) {
    if (call->columns)
      call->columns(x + c, begin, end);
    else
      ew_winograd_columns(s->size, x + c, s->columns * s->channels, s->channels, s->columns, begin, plane);
    for (int32_t t = 0; t < tiles; t++) {
      int32_t tile = first + t;
      uint32_t *to = v + (tile >> 2) * n * n * step + 2 * c + (tile & 3);
      if (call->tile)
        call->tile(lines + t * s->size, to);
      else
        for (int32_t pair = 0; pair < 2; pair++)
          ew_winograd_tile(s->size, lines + pair * n * plane + t * s->size, plane, to + 4 * pair, step);
    }
  }
}

/* Transformed weights of an output channel, into every second word of u [points][pairs][2]. */
EW_INLINE void ew_winograd_channel_weights(const ew_winograd_shape *s, const ew_winograd_functions *call,
                                           const uint32_t *w, uint32_t *u) {
  const uint32_t *end = w + s->channels * 9 / 4;
  if (call->expand)
    call->expand(w, end, u);
  else
    for (; w != end; w += 9, u += 4) ew_winograd_expand(s->size, w, u, s->channels);
}

/* The rows of pixels under a row of tiles: in place, or a copy where some lie outside. */
EW_INLINE const int8_t *ew_winograd_band(const ew_winograd_shape *s, const int8_t *x, int32_t row, int8_t *copy) {
  const int32_t n = s->size + 2, bytes = s->columns * s->channels;
  if (row >= 0 && row + n <= s->rows) return x + row * bytes;
  for (int32_t i = 0; i < n; i++, row++)
    if (row >= 0 && row < s->rows)
      memcpy(copy + i * bytes, x + row * bytes, (size_t)bytes);
    else
      memset(copy + i * bytes, s->zero_point, (size_t)bytes);
  return copy;
}

/* Columns of padding are the same for every channel and row of tiles. */
EW_INLINE void ew_winograd_pad(const ew_winograd_shape *s, uint32_t *lines, int32_t plane) {
  const int32_t n = s->size + 2;
  for (int32_t c = 0; c < plane; c++) {
    if (c == s->pad_left) c += s->columns;
    if (c >= plane) break;
    uint32_t d[6];
    EW_UNROLL for (int32_t i = 0; i < n; i++) d[i] = ((uint32_t)s->zero_point & 0xFFFFu) * 0x10001u;
    ew_winograd_points(s->size, d);
    EW_UNROLL for (int32_t i = 0; i < n; i++) lines[i * plane + c] = lines[(n + i) * plane + c] = d[i];
  }
}

/* Two channels of a tile [size][size][2], as far as its outputs exist. */
EW_NOINLINE void ew_winograd_copy(const int8_t *from, int32_t size, int8_t *y, int32_t row, int32_t column,
                                  int32_t rows, int32_t columns) {
  for (int32_t i = 0; i < rows && i < size; i++, y += row, from += 2 * size)
    for (int32_t j = 0; j < columns && j < size; j++) memcpy(y + j * column, from + 2 * j, 2);
}

/* Outputs of four tiles in two channels, from tile `first` of those from row `first_row` of tiles on, each in its
 * place in y. Where one of them has outputs that do not exist, all go through a copy. */
EW_INLINE void ew_winograd_tiles(const ew_winograd_shape *s, const ew_winograd_functions *call, const int32_t *sums,
                                 const ew_winograd_channel *k, const int32_t *output, int8_t *y,
                                 const int32_t *places, int32_t first_row, int32_t first, int32_t count) {
  const int32_t size = s->size, across = (s->out_columns + size - 1) / size;
  const int32_t row = s->out_columns * s->outputs, column = s->outputs;
  const int32_t lanes = count - first < 4 ? 2 * (count - first) : 8;
  int8_t part[4][32];
  static const int32_t parts[] = {0, 32, 64, 96};
  int32_t rows[4], columns[4], whole = 1;
  if (s->out_rows % size || s->out_columns % size)
    for (int32_t t = 0, tile = first; t < lanes / 2; t++, tile++) {
      rows[t] = s->out_rows - (first_row + tile / across) * size;
      columns[t] = s->out_columns - tile % across * size;
      if (rows[t] < size || columns[t] < size) whole = 0;
    }
  if (whole) {
    if (call->finish)
      call->finish(sums, k, places, lanes, y);
    else
      for (int32_t lane = 0; lane < lanes; lane++)
        ew_winograd_finish(size, s->form, sums + lane, k[lane & 1], output, y + places[lane >> 1] + (lane & 1),
                           row, column);
    return;
  }
  if (call->finish_parts)
    call->finish_parts(sums, k, parts, lanes, part[0]);
  else
    for (int32_t lane = 0; lane < lanes; lane++)
      ew_winograd_finish(size, s->form, sums + lane, k[lane & 1], output, part[lane >> 1] + (lane & 1), 2 * size,
                         2);
  for (int32_t t = 0; t < lanes / 2; t++) ew_winograd_copy(part[t], size, y + places[t], row, column, rows[t], columns[t]);
}

/* The layer. weights: transformed [outputs / 2][points][pairs][2], or as ew_winograd_expand takes them. */
EW_INLINE void ew_winograd_layer(const ew_winograd_shape *s, const ew_winograd_functions *call, const int8_t *x, int8_t *y,
                                 const uint32_t *weights, const ew_winograd_channel *k, const int32_t *output,
                                 uint32_t *scratch) {
  const int32_t size = s->size, n = size + 2, points = n * n, channels = s->channels;
  const int32_t across = (s->out_columns + size - 1) / size, down = (s->out_rows + size - 1) / size;
  const int32_t plane = size * across + 2, quad_words = points * 2 * channels, pair_words = points * channels;
  const int32_t kept = s->expand == 0 ? 0 : s->expand == 1 ? s->outputs / 2 : 1;
  const int32_t quads = (s->block * across + 3) / 4;
  uint32_t *lines = scratch + quads * quad_words, *expanded = lines + 2 * n * plane;
  uint32_t *rest = expanded + kept * pair_words;
  const int32_t weights_words = channels * 9 / 4; /* of a channel, not transformed */
  ew_winograd_pad(s, lines, plane);
  if (s->expand == 1)
    for (int32_t o = 0; o < s->outputs; o++, weights += weights_words)
      ew_winograd_channel_weights(s, call, weights, expanded + o / 2 * pair_words + (o & 1));
  int32_t *sums = (int32_t *)rest;
  int32_t *places = sums + 8 * points;
  for (int32_t first = 0; first < down; first += s->block) {
    int32_t end = first + s->block < down ? first + s->block : down, count = (end - first) * across;
    for (int32_t r = first; r < end; r++) {
      const int8_t *band = ew_winograd_band(s, x, r * size - s->pad_top, (int8_t *)rest);
      ew_winograd_inputs(s, call, band, lines, scratch, (r - first) * across, across);
    }
    for (int32_t tile = 0; tile < count; tile++)
      places[tile] = ((first + tile / across) * s->out_columns + tile % across) * size * s->outputs;
    const uint32_t *u = s->expand == 1 ? expanded : weights;
    for (int32_t o = 0; o < s->outputs; o += 2, u += s->expand == 2 ? 2 * weights_words : pair_words) {
      if (s->expand == 2)
        for (int32_t i = 0; i < 2; i++) ew_winograd_channel_weights(s, call, u + i * weights_words, expanded + i);
      for (int32_t tile = 0; tile < count; tile += 4) {
        call->dot(s->expand == 2 ? expanded : u, scratch + tile / 4 * quad_words, sums, points);
        ew_winograd_tiles(s, call, sums, k + o, output, y + o, places + tile, first, tile, count);
      }
    }
  }
}
#endif
