/* Streaming: the ops of a segment run row by row, in a sequence that was fixed when the model was planned. */
#ifndef EW_STREAM_H
#define EW_STREAM_H
#include "ew_runtime.h"

/* A word of the sequence: what to do, and with which op. */
#define EW_CODE(word) ((word) >> 12)
#define EW_INDEX(word) ((word)&0xFFFu)
enum {
  EW_RUN,      /* compute the next row, into its slot */
  EW_RUN_WAIT, /* compute the next row, into the buffer of the newest rows: its slot is not free yet */
  EW_RETIRE,   /* copy the oldest waiting row into its slot */
  EW_DROP,     /* the oldest waiting row is not needed any more */
  EW_ZERO,     /* clear sums */
  EW_SEEK,     /* the next word is the op's next row */
};

/* An op of a segment at run time. */
typedef struct {
  uint16_t row;     /* next row */
  uint16_t waiting; /* how many of the last rows wait */
} ew_op_state;

/* Where a segment is: in the arena, in front of the states of its ops. */
typedef struct {
  uint32_t position;
  uint16_t strip;
  uint16_t pushed; /* rows of the input in this pass */
  ew_op_state ops[];
} ew_stream_state;

typedef struct {
  const ew_op *ops; /* those of the first strip, then those of the next */
  const uint16_t *sequence;
  uint32_t length, state;
  uint16_t op_count, strips;
} ew_segment;

/* A row that waits. */
static inline uint8_t *ew_waiting_row(const ew_op *op, uint32_t row, uint8_t *arena) {
  return arena + op->newest + row % op->waiting_slots * op->out_stride;
}

static inline uint8_t *ew_destination(const ew_op *op, const ew_op_state *state, int waits, uint8_t *arena) {
  if (waits) return ew_waiting_row(op, state->row, arena);
  return arena + op->out + (uint32_t)(state->row % op->slots) * op->out_stride;
}

static inline void ew_row_done(ew_op_state *state, int waits) {
  state->row++;
  if (waits) state->waiting++;
}

static inline void ew_run_row(const ew_op *ops, const ew_op *op, ew_op_state *states, int waits, uint8_t *arena,
                              const void **rows) {
  ew_op_state *state = &states[op - ops];
  const void **row = rows;
  for (const ew_input *in = op->inputs, *end = in + op->input_count; in != end; in++) {
    const uint8_t *base = in->constant ? (const uint8_t *)in->constant : arena + in->offset;
    int32_t y = state->row;
    if (in->repeat > 1) y /= in->repeat;
    int32_t r = y * in->stride - in->pad_top;
    int32_t waiting = in->rows; /* the first row that waits */
    if (in->source != EW_WHOLE) waiting = states[in->source].row - states[in->source].waiting;
    for (int32_t k = 0; k < in->window; k++, r += in->dilation) {
      if (r < 0 || r >= in->rows)
        *row++ = in->padding;
      else if (r >= waiting) /* a strip may read a part of the columns only */
        *row++ = ew_waiting_row(&ops[in->source], (uint32_t)r, arena) + (in->offset - ops[in->source].out);
      else
        *row++ = base + (in->slots >= in->rows ? (uint32_t)r : (uint32_t)r % in->slots) * in->row_bytes;
    }
  }
  op->kernel(rows, ew_destination(op, state, waits, arena), op->constants, arena + op->scratch);
  ew_row_done(state, waits);
}

static inline void ew_stream_begin(const ew_segment *segment, uint8_t *arena) {
  memset(arena + segment->state, 0, sizeof(ew_stream_state) + segment->op_count * sizeof(ew_op_state));
}

static inline const ew_op *ew_stream_ops(const ew_segment *segment, const uint8_t *arena) {
  const ew_stream_state *state = (const ew_stream_state *)(const void *)(arena + segment->state);
  return segment->ops + (uint32_t)state->strip * segment->op_count;
}

/* Run on in the sequence: 1 at its end, 0 where the next row of the input is needed. */
static inline int ew_stream_advance(const ew_segment *segment, uint8_t *arena, const void **rows) {
  ew_stream_state *state = (ew_stream_state *)(void *)(arena + segment->state);
  const ew_op *ops = ew_stream_ops(segment, arena);
  const uint16_t *word = segment->sequence + state->position, *end = segment->sequence + segment->length;
  for (; word != end; word++) {
    const ew_op *op = &ops[EW_INDEX(*word)];
    ew_op_state *own = &state->ops[EW_INDEX(*word)];
    unsigned code = EW_CODE(*word);
    if (code <= EW_RUN_WAIT) {
      if (!op->kernel) break;
      ew_run_row(ops, op, state->ops, code == EW_RUN_WAIT, arena, rows);
    } else if (code == EW_RETIRE) {
      uint32_t row = (uint32_t)(own->row - own->waiting--);
      memcpy(arena + op->out + row % op->slots * op->out_stride, ew_waiting_row(op, row, arena), op->out_row_bytes);
    } else if (code == EW_DROP) {
      own->waiting--;
    } else if (code == EW_ZERO) {
      memset(arena + op->out, 0, op->out_row_bytes);
    } else {
      own->row = *++word;
    }
  }
  state->position = (uint32_t)(word - segment->sequence);
  return word == end;
}

/* Prepare the next strip; 0 where there is none. */
static inline int ew_stream_next_strip(const ew_segment *segment, uint8_t *arena) {
  ew_stream_state *state = (ew_stream_state *)(void *)(arena + segment->state);
  uint16_t strip = (uint16_t)(state->strip + 1u);
  if (strip == segment->strips) return 0;
  ew_stream_begin(segment, arena);
  state->strip = strip;
  return 1;
}

/* The whole segment, its inputs being in the arena. */
static inline void ew_stream_run(const ew_segment *segment, uint8_t *arena, const void **rows) {
  ew_stream_begin(segment, arena);
  do ew_stream_advance(segment, arena, rows);
  while (ew_stream_next_strip(segment, arena));
}
#endif
