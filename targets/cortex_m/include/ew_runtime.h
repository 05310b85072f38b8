/* The driver: runs one op row by row. A schedule is only data for it. */
#ifndef EW_RUNTIME_H
#define EW_RUNTIME_H
#include <stdint.h>

typedef void (*ew_kernel)(const void *const *rows, void *out, const void *const *constants, void *scratch);

typedef struct {
  const void *constant; /* tensor in flash, or null: at `offset` in the arena */
  uint32_t offset;
  uint32_t row_bytes;
  const void *padding;  /* row that stands for those outside the tensor; may be null */
  int16_t pad_top;
  uint16_t rows, window, stride, dilation;
} ew_input;

typedef struct {
  ew_kernel kernel;
  const void *const *constants;
  const ew_input *inputs;
  uint32_t out, out_row_bytes, scratch; /* offsets in the arena */
  uint16_t out_rows, input_count;
} ew_op;

/* `rows` has room for the rows of all inputs of the op. */
static inline void ew_run_op(const ew_op *op, uint8_t *arena, const void **rows) {
  uint8_t *out = arena + op->out;
  for (int32_t y = 0; y < op->out_rows; y++, out += op->out_row_bytes) {
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
