/* Time streaming: a call brings a few new rows of the input; values that look back keep the rows before. */
#ifndef EW_HOP_H
#define EW_HOP_H
#include "ew_runtime.h"

/* Rows of a value that survive from call to call. Offsets are in the arena.
 *
 * A ring has a slot for each of them; the new rows lie at `newest`, and when the last op that reads them has
 * run they are copied over the oldest. Ops that take all rows as one piece need a linear buffer instead:
 * `rows` rows and behind them the new ones, which are moved up when a call has made new ones. */
typedef struct {
  uint32_t kept, newest, row_bytes;
  uint16_t rows, new_rows;
  uint16_t after;  /* number of ops that have run when the new rows are stored */
  uint16_t linear;
  const void *silence; /* the row that fills it at first */
} ew_history;

/* The ops of a call. In their inputs `source` is the history that is read, `offset` the first row of it
 * (0 = the oldest); or `source` is EW_WHOLE, and the rows lie one behind the other in the arena. */
typedef struct {
  const ew_op *ops;
  const ew_history *histories; /* in the order of `after` */
  uint32_t positions;          /* offset of the slot of each ring's oldest row, uint16_t */
  uint16_t op_count, history_count;
} ew_hop;

static inline uint16_t *ew_hop_positions(const ew_hop *hop, uint8_t *arena) {
  return (uint16_t *)(void *)(arena + hop->positions);
}

/* Row `row` of a ring during a call, 0 = the oldest, the new ones last. */
static inline const uint8_t *ew_ring_row(const ew_history *ring, uint32_t position, uint32_t row,
                                         const uint8_t *arena) {
  if (row >= ring->rows) return arena + ring->newest + (row - ring->rows) * ring->row_bytes;
  row += position;
  return arena + ring->kept + (row >= ring->rows ? row - ring->rows : row) * ring->row_bytes;
}

/* The new rows become kept ones. */
static inline void ew_history_store(const ew_history *history, uint16_t *position, uint8_t *arena) {
  uint8_t *kept = arena + history->kept;
  const uint8_t *newest = arena + history->newest;
  uint32_t bytes = history->row_bytes;
  if (history->linear) {
    /* Piece by piece, because they overlap as a whole. */
    for (uint32_t i = 0; i < history->rows; i++) memcpy(kept + i * bytes, kept + (i + history->new_rows) * bytes, bytes);
    memcpy(kept + history->rows * bytes, newest, history->new_rows * bytes);
    return;
  }
  /* Of more rows than are kept only the last. */
  uint32_t count = history->new_rows < history->rows ? history->new_rows : history->rows;
  for (uint32_t i = history->new_rows - count; i < history->new_rows; i++) {
    memcpy(kept + *position * bytes, newest + i * bytes, bytes);
    *position = *position + 1u == history->rows ? 0u : (uint16_t)(*position + 1u);
  }
}

/* All rows before the first call are silence. */
static inline void ew_hop_init(const ew_hop *hop, uint8_t *arena) {
  const ew_history *history = hop->histories;
  memset(ew_hop_positions(hop, arena), 0, hop->history_count * sizeof(uint16_t));
  for (uint32_t h = 0; h < hop->history_count; h++, history++) {
    uint8_t *row = arena + history->kept + (history->linear ? history->new_rows * history->row_bytes : 0u);
    for (uint32_t i = 0; i < history->rows; i++, row += history->row_bytes)
      memcpy(row, history->silence, history->row_bytes);
  }
}

static inline void ew_hop_op(const ew_hop *hop, const ew_op *op, uint8_t *arena, const void **rows) {
  uint8_t *out = arena + op->out;
  for (int32_t y = 0; y < op->out_rows; y++, out += op->out_stride) {
    const void **row = rows;
    for (const ew_input *in = op->inputs, *end = in + op->input_count; in != end; in++) {
      const ew_history *ring = in->source == EW_WHOLE ? 0 : &hop->histories[in->source];
      uint32_t position = ring ? ew_hop_positions(hop, arena)[in->source] : 0u;
      const uint8_t *base = in->constant ? (const uint8_t *)in->constant : arena + in->offset;
      int32_t r = (in->repeat > 1 ? y / in->repeat : y) * in->stride - in->pad_top;
      for (int32_t k = 0; k < in->window; k++, r += in->dilation) {
        if (r < 0 || r >= in->rows)
          *row++ = in->padding;
        else if (ring)
          *row++ = ew_ring_row(ring, position, in->offset + (uint32_t)r, arena);
        else
          *row++ = base + (uint32_t)r * in->row_bytes;
      }
    }
    op->kernel(rows, out, op->constants, arena + op->scratch);
  }
}

/* One call; the new rows of the input are in their place. */
static inline void ew_hop_run(const ew_hop *hop, uint8_t *arena, const void **rows) {
  const ew_history *history = hop->histories, *end = history + hop->history_count;
  uint16_t *positions = ew_hop_positions(hop, arena);
  for (uint32_t done = 0;; done++) {
    for (; history != end && history->after == done; history++) ew_history_store(history, positions++, arena);
    if (done == hop->op_count) return;
    ew_hop_op(hop, &hop->ops[done], arena, rows);
  }
}
#endif
