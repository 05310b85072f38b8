#include "ew_inference.h"

#include "ew_hal.h"
#include "ew_memory.h"

static uint8_t output[EW_OUTPUT_BYTES] __attribute__((aligned(4)));
static int output_valid;
static uint32_t run_stack;

/* The emulator's plugin finds these by name, so they must stay functions. */
#define MARKER __attribute__((noinline, used))
MARKER void ew_bench_start(void) { __asm volatile(""); }
MARKER void ew_bench_stop(void) { __asm volatile(""); }
MARKER void ew_layer_start(void) { __asm volatile(""); }
MARKER void ew_layer_stop(void) { __asm volatile(""); }

static void take_output(void) {
  ew_model_get_output(ew_arena, output);
  output_valid = 1;
}

#if EW_INPUT_BY_ROWS

/* Begin a frame (no row) or push a row; 1 when it is complete. The stack is painted each time: between
 * two rows the monitor used it. */
static int advance(const uint8_t *row, struct ew_time *time) {
  int complete = 0;
  ew_paint_stack();
  uint64_t micros = ew_hal_micros();
  uint32_t cycles = ew_hal_cycles();
  const uint32_t *frame = ew_hal_stack_pointer();
  ew_bench_start();
  if (row) {
    complete = ew_model_push_row(ew_arena, row);
  } else {
    ew_model_begin(ew_arena);
  }
  ew_bench_stop();
  time->cycles += (uint32_t)(ew_hal_cycles() - cycles);
  time->micros += ew_hal_micros() - micros;
  uint32_t used = ew_stack_used(frame);
  if (used > run_stack) run_stack = used;
  return complete;
}

void ew_frame_begin(struct ew_time *time) {
  output_valid = 0;
  run_stack = 0;
  ew_paint_arena();
  ew_model_init(ew_arena);
  advance(0, time);
}

int ew_frame_push(const uint8_t *row, struct ew_time *time) { return advance(row, time); }

const char *ew_frame_end(void) {
  take_output();
  return ew_guard_broken() ? "The model wrote behind its arena" : 0;
}

#else

static int32_t next_layer = -1;
static uint32_t *run_frame; /* stack pointer where the last inference was called */

void ew_infer_begin(void) {
  next_layer = -1;
  ew_paint_stack();
}

void ew_infer_once(struct ew_time *time) {
  uint64_t micros = ew_hal_micros();
  uint32_t cycles = ew_hal_cycles();
  run_frame = ew_hal_stack_pointer();
  ew_model_run(ew_arena);
  time->cycles += (uint32_t)(ew_hal_cycles() - cycles);
  time->micros += ew_hal_micros() - micros;
}

void ew_infer_marked(struct ew_time *time) {
  uint64_t micros = ew_hal_micros();
  uint32_t cycles = ew_hal_cycles();
  run_frame = ew_hal_stack_pointer();
  ew_bench_start();
  ew_model_run(ew_arena);
  ew_bench_stop();
  time->cycles += (uint32_t)(ew_hal_cycles() - cycles);
  time->micros += ew_hal_micros() - micros;
}

const char *ew_infer_end(void) {
  run_stack = ew_stack_used(run_frame);
  take_output();
  return ew_guard_broken() ? "The model wrote behind its arena" : 0;
}

void ew_stepping_begin(void) { next_layer = 0; }

int32_t ew_stepping_next(void) { return next_layer; }

uint32_t ew_step(void) {
  uint32_t cycles = ew_hal_cycles();
  ew_layer_start();
  ew_model_step(ew_arena, (unsigned)next_layer);
  ew_layer_stop();
  cycles = ew_hal_cycles() - cycles;
  if (++next_layer == (int32_t)EW_LAYERS) take_output();
  return cycles;
}

void ew_inference_forget(void) { next_layer = -1; }

#endif

const uint8_t *ew_output(void) { return output_valid ? output : 0; }

uint32_t ew_run_stack_used(void) { return run_stack; }
