/* Input that comes row by row into the first segment. Its op 0 stands for the application. */
#ifndef EW_FEED_H
#define EW_FEED_H
#include "ew_stream.h"

/* Where the row that the sequence waits for goes. */
static inline uint8_t *ew_feed_destination(const ew_segment *segment, uint8_t *arena) {
  const ew_stream_state *state = (const ew_stream_state *)(const void *)(arena + segment->state);
  int waits = EW_CODE(segment->sequence[state->position]) == EW_RUN_WAIT;
  return ew_destination(ew_stream_ops(segment, arena), &state->ops[0], waits, arena);
}

/* The row is there: 1 when the segment's sequence has ended. */
static inline int ew_feed_continue(const ew_segment *segment, uint8_t *arena, const void **rows) {
  ew_stream_state *state = (ew_stream_state *)(void *)(arena + segment->state);
  ew_row_done(&state->ops[0], EW_CODE(segment->sequence[state->position]) == EW_RUN_WAIT);
  state->position++;
  return ew_stream_advance(segment, arena, rows);
}

/* A frame begins. */
static inline void ew_feed_begin(const ew_segment *segment, uint8_t *arena, const void **rows) {
  ew_stream_begin(segment, arena);
  ew_stream_advance(segment, arena, rows);
}

/* One row of the input, whole: 1 when it was the last row of the last pass. */
static inline int ew_feed_push(const ew_segment *segment, uint8_t *arena, const void *row, const void **rows) {
  ew_stream_state *state = (ew_stream_state *)(void *)(arena + segment->state);
  const ew_op *input = ew_stream_ops(segment, arena);
  if (state->position != segment->length) {
    memcpy(ew_feed_destination(segment, arena), (const uint8_t *)row + input->scratch, input->out_row_bytes);
    ew_feed_continue(segment, arena, rows);
  }
  if (++state->pushed < input->out_rows) return 0;
  if (!ew_stream_next_strip(segment, arena)) return 1;
  ew_stream_advance(segment, arena, rows);
  return 0;
}

/* Reads `bytes` bytes from byte `first` of a row on to `to`. */
typedef void (*ew_row_reader)(void *context, uint32_t row, uint32_t first, uint32_t bytes, void *to);

/* The whole segment; a reader fetches the rows, and the parts of them, that are needed. */
static inline void ew_feed_read(const ew_segment *segment, uint8_t *arena, ew_row_reader read, void *context,
                                const void **rows) {
  ew_feed_begin(segment, arena, rows);
  do {
    const ew_stream_state *state = (const ew_stream_state *)(const void *)(arena + segment->state);
    const ew_op *input = ew_stream_ops(segment, arena);
    while (state->position != segment->length) {
      read(context, state->ops[0].row, input->scratch, input->out_row_bytes, ew_feed_destination(segment, arena));
      ew_feed_continue(segment, arena, rows);
    }
  } while (ew_stream_next_strip(segment, arena) && (ew_stream_advance(segment, arena, rows), 1));
}
#endif
