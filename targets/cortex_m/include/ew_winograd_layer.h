/* A whole layer of Winograd convolution: blocks of rows of tiles; of each its transformed inputs, then for two
 * output channels and four tiles at a time the sums of all points, and the outputs. */
#ifndef EW_WINOGRAD_LAYER_H
#define EW_WINOGRAD_LAYER_H
#include "ew_winograd_4_dsp.h"

/* Numbers of a layer.
 * block: rows of tiles whose inputs are transformed at a time; pieces: of its channels, for the products;
 * down, across: tiles; output: of ew_output, for the forms that need it. */
typedef struct {
  int16_t block, pieces;
  int16_t rows, columns, channels, pad_top, pad_left, zero_point;
  int16_t out_rows, out_columns, outputs, down, across;
  int16_t output[3];
} ew_winograd_shape;

/* What a kernel is made of, all literals: layers share kernels of the same.
 * size: outputs of a tile in each direction; form: of requantization;
 * expand: 0 where the weights come transformed, 1: all are transformed first, 2: those of two channels at a
 * time, where one block is all there is; parts: whether some tiles have outputs that do not exist.
 * Null stands for the inline functions of ew_winograd.h. */
typedef struct {
  int32_t size, form, expand, parts;
  void (*dot)(const uint32_t *u, const uint32_t *v, int32_t *sums, const int32_t *end, int32_t pieces);
  void (*finish)(const int32_t *sums, const ew_winograd_channel *k, const int32_t *places, int8_t *y, int32_t lanes,
                 int32_t column, int32_t row);
} ew_winograd_code;

/* Points of a row of tiles: rows of pixels from x on, v [fours of tiles][pairs][points][4] from tile `first` on.
 * lines: a row of columns of points, [columns][2 pairs][n]. */
EW_INLINE void ew_winograd_inputs(int32_t size, const ew_winograd_shape *s, const int8_t *x, uint32_t *lines,
                                  uint32_t *v, int32_t first) {
  const int32_t n = size + 2, four = 2 * n * n * s->channels, bytes = s->columns * s->channels;
  uint32_t *begin = lines + 2 * n * s->pad_left, *end = begin + 2 * n * s->columns;
  v += (first >> 2) * four + (first & 3);
  for (int32_t c = 0; c < s->channels; c += 4, x += 4, v += 8 * n * n) {
    if (size == 4) {
      ew_winograd_columns_4(x, begin, end, bytes, s->channels);
      ew_winograd_tiles_4(lines, v, 4 * (four - 4), s->across, first);
      continue;
    }
    ew_winograd_columns(size, x, begin, end, bytes, s->channels);
    const uint32_t *from = lines;
    uint32_t *to = v;
    for (int32_t t = first; t < first + s->across; t++, from += 2 * n * size, to += t & 3 ? 1 : four - 3) {
      ew_winograd_tile(size, from, to);
      ew_winograd_tile(size, from + n, to + 4 * n * n);
    }
  }
}

/* The rows of pixels under a row of tiles: in place, or a copy where some lie outside. */
EW_INLINE const int8_t *ew_winograd_band(int32_t size, const ew_winograd_shape *s, const int8_t *x, int32_t row,
                                         int8_t *copy) {
  const int32_t n = size + 2, bytes = s->columns * s->channels;
  if (row >= 0 && row + n <= s->rows) return x + row * bytes;
  for (int32_t i = 0; i < n; i++, row++)
    if (row >= 0 && row < s->rows)
      memcpy(copy + i * bytes, x + row * bytes, (size_t)bytes);
    else
      memset(copy + i * bytes, s->zero_point, (size_t)bytes);
  return copy;
}

/* Columns of padding are the same for every channel and row of tiles. */
EW_INLINE void ew_winograd_pad(int32_t size, const ew_winograd_shape *s, uint32_t *lines, int32_t plane) {
  const int32_t n = size + 2;
  uint32_t d[6];
  EW_UNROLL for (int32_t i = 0; i < n; i++) d[i] = ((uint32_t)s->zero_point & 0xFFFFu) * 0x10001u;
  ew_winograd_points(size, d);
  for (int32_t c = 0; c < plane; c++) {
    if (c == s->pad_left) c += s->columns;
    if (c >= plane) break;
    EW_UNROLL for (int32_t i = 0; i < n; i++) lines[2 * n * c + i] = lines[2 * n * c + n + i] = d[i];
  }
}

/* The inputs of rows first to end of tiles, and where the outputs of each tile go. v is followed by lines; rest is
 * where rows of pixels are copied to, and the sums and then the places go. */
EW_INLINE void ew_winograd_block(int32_t size, const ew_winograd_shape *s, const int8_t *x, uint32_t *v, uint32_t *lines,
                                 uint32_t *rest, int32_t first, int32_t end) {
  const int32_t n = size + 2, across = s->across, row = size * s->out_columns * s->outputs;
  if (first == 0) ew_winograd_pad(size, s, lines, size * across + 2);
  for (int32_t r = first; r < end; r++) {
    const int8_t *band = ew_winograd_band(size, s, x, r * size - s->pad_top, (int8_t *)rest);
    ew_winograd_inputs(size, s, band, lines, v, (r - first) * across);
  }
  int32_t *places = (int32_t *)rest + 8 * n * n;
  for (int32_t r = first; r < end; r++)
    for (int32_t c = 0; c < across; c++) *places++ = r * row + c * size * s->outputs;
}
EW_NOINLINE void ew_winograd_block_4(const ew_winograd_shape *s, const int8_t *x, uint32_t *v, uint32_t *lines,
                                     uint32_t *rest, int32_t first, int32_t end) {
  ew_winograd_block(4, s, x, v, lines, rest, first, end);
}
EW_NOINLINE void ew_winograd_block_2(const ew_winograd_shape *s, const int8_t *x, uint32_t *v, uint32_t *lines,
                                     uint32_t *rest, int32_t first, int32_t end) {
  ew_winograd_block(2, s, x, v, lines, rest, first, end);
}

/* Transformed weights of an output channel, into every second word of u [pairs][points][2]. */
EW_INLINE void ew_winograd_channel_weights(int32_t size, int32_t channels, const uint32_t *w, uint32_t *u) {
  const int32_t n = size + 2;
  const uint32_t *end = w + channels * 9 / 4;
  if (size == 4)
    ew_winograd_expand_4(w, end, u);
  else
    for (; w != end; w += 9, u += 4 * n * n) ew_winograd_expand(size, w, u);
}

/* Two channels of a tile [size][size][2], as far as its outputs exist. */
EW_NOINLINE void ew_winograd_copy(const int8_t *from, int32_t size, int8_t *y, int32_t row, int32_t column,
                                  int32_t rows, int32_t columns) {
  for (int32_t i = 0; i < rows && i < size; i++, y += row, from += 2 * size)
    for (int32_t j = 0; j < columns && j < size; j++) memcpy(y + j * column, from + 2 * j, 2);
}

/* Requantize lanes / 2 tiles. */
EW_INLINE void ew_winograd_lanes(const ew_winograd_code *code, const ew_winograd_shape *s, const int32_t *sums,
                                 const ew_winograd_channel *k, const int32_t *places, int8_t *y, int32_t lanes,
                                 int32_t column, int32_t row) {
  if (code->finish) {
    code->finish(sums, k, places, y, lanes, column, row - 2 * column);
  } else {
    const int32_t output[] = {s->output[0], s->output[1], s->output[2]};
    for (int32_t lane = 0; lane < lanes; lane++)
      ew_winograd_finish(code->size, code->form, sums + lane, k[lane & 1], output,
                         y + places[lane >> 1] + (lane & 1), row, column);
  }
}

/* Outputs of four tiles in two channels, from tile `first` of those from row `first_row` of tiles on, each in its
 * place in y. Where one of them has outputs that do not exist, all go through a copy. */
EW_INLINE void ew_winograd_tiles(const ew_winograd_code *code, const ew_winograd_shape *s, const int32_t *sums,
                                 const ew_winograd_channel *k, int8_t *y, const int32_t *places, int32_t first_row,
                                 int32_t first, int32_t count) {
  const int32_t size = code->size, column = s->outputs, row = s->out_columns * column;
  const int32_t lanes = count - first < 4 ? 2 * (count - first) : 8;
  static const int32_t parts[] = {0, 32, 64, 96};
  int32_t rows[4], columns[4], whole = 1;
  if (code->parts)
    for (int32_t t = 0, tile = first; t < lanes / 2; t++, tile++) {
      rows[t] = s->out_rows - (first_row + tile / s->across) * size;
      columns[t] = s->out_columns - tile % s->across * size;
      if (rows[t] < size || columns[t] < size) whole = 0;
    }
  if (whole) {
    ew_winograd_lanes(code, s, sums, k, places, y, lanes, column, row);
    return;
  }
  int8_t part[4][32];
  ew_winograd_lanes(code, s, sums, k, parts, part[0], lanes, 2, 2 * size);
  for (int32_t t = 0; t < lanes / 2; t++) ew_winograd_copy(part[t], size, y + places[t], row, column, rows[t], columns[t]);
}

/* The layer. weights: transformed [outputs / 2][pairs][points][2], or as ew_winograd_expand takes them. */
EW_INLINE void ew_winograd_layer(const ew_winograd_code *code, const ew_winograd_shape *s, const int8_t *x, int8_t *y,
                                 const uint32_t *weights, const ew_winograd_channel *k, uint32_t *scratch) {
  const int32_t size = code->size, n = size + 2, points = n * n, channels = s->channels, across = s->across;
  const int32_t quad_words = points * 2 * channels, pair_words = points * channels, quads = (s->block * across + 3) / 4;
  const int32_t kept = code->expand == 0 ? 0 : code->expand == 1 ? s->outputs / 2 : 1;
  uint32_t *lines = scratch + quads * quad_words, *expanded = lines + 2 * n * (size * across + 2);
  int32_t *sums = (int32_t *)(expanded + kept * pair_words), *places = sums + 8 * points;
  const int32_t weights_words = channels * 9 / 4; /* of a channel, not transformed */
  if (code->expand == 1)
    for (int32_t o = 0; o < s->outputs; o++, weights += weights_words)
      ew_winograd_channel_weights(size, channels, weights, expanded + o / 2 * pair_words + (o & 1));
  for (int32_t first = 0; first < s->down; first += s->block) {
    int32_t end = first + s->block < s->down ? first + s->block : s->down, count = (end - first) * across;
    (size == 4 ? ew_winograd_block_4 : ew_winograd_block_2)(s, x, scratch, lines, (uint32_t *)sums, first, end);
    const uint32_t *u = code->expand == 1 ? expanded : weights;
    for (int32_t o = 0; o < s->outputs; o += 2, u += code->expand == 2 ? 2 * weights_words : pair_words) {
      if (code->expand == 2)
        for (int32_t i = 0; i < 2; i++)
          ew_winograd_channel_weights(size, channels, u + i * weights_words, expanded + i);
      const uint32_t *v = scratch;
      for (int32_t tile = 0; tile < count; tile += 4, v += quad_words) {
        code->dot(code->expand == 2 ? expanded : u, v, sums, places, s->pieces);
        ew_winograd_tiles(code, s, sums, k + o, y + o, places + tile, first, tile, count);
      }
    }
  }
}
#endif
