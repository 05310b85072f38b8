/* The drivers: run one op whole, or stream rows through several. A schedule is only data for them. */
#ifndef EW_RUNTIME_H
#define EW_RUNTIME_H
#include <stdint.h>
#include <string.h>

typedef void (*ew_kernel)(const void *const *rows, void *out, const void *const *constants, void *scratch);

#define EW_WHOLE 0xFFFFu /* source of a tensor that no op of the segment writes */

typedef struct {
  const void *constant; /* tensor in flash, or null: at `offset` in the arena */
  const void *padding;  /* row that stands for those outside the tensor; may be null */
  uint32_t offset, row_bytes; /* of the first row, and from row to row */
  int32_t pad_top;
  uint16_t rows, window, stride, dilation, repeat;
  uint16_t slots, source; /* row r lies in slot r % slots; index of the op that writes it */
} ew_input;

typedef struct {
  ew_kernel kernel; /* null: the application pushes these rows */
  const void *const *constants;
  const ew_input *inputs;
  uint32_t out, out_stride, out_row_bytes; /* first row in the arena, from row to row, bytes written */
  uint32_t newest;                         /* buffer of rows that wait for their slots */
  uint32_t scratch;                        /* pushed rows: their first byte that is wanted */
  uint16_t out_rows, slots, waiting_slots, input_count;
} ew_op;

/* `rows` has room for the rows of all inputs of the op. One copy: an inference and a single step call it. */
static __attribute__((noinline, unused)) void ew_run_op(const ew_op *op, uint8_t *arena, const void **rows) {
  uint8_t *out = arena + op->out;
  for (int32_t y = 0; y < op->out_rows; y++, out += op->out_stride) {
    const void **row = rows;
    for (const ew_input *in = op->inputs, *end = in + op->input_count; in != end; in++) {
      const uint8_t *base = in->constant ? (const uint8_t *)in->constant : arena + in->offset;
      int32_t r = y * in->stride - in->pad_top;
      for (int32_t k = 0; k < in->window; k++, r += in->dilation)
        *row++ = r >= 0 && r < in->rows ? base + (uint32_t)r * in->row_bytes : in->padding;
    }
    op->kernel(rows, out, op->constants, arena + op->scratch);
  }
}
#endif
