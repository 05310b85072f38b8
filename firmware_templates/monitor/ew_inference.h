/* Running the model: whole, step by step, row by row; timed. A step is a layer, or several layers that
 * are streamed together. */
#ifndef EW_INFERENCE_H
#define EW_INFERENCE_H
#include <stdint.h>

#include "firmware_model.h"

/* The emulator counts instructions from a start marker to the next stop marker. A frame that comes by
 * rows passes the bench markers 1 + EW_PASSES * EW_INPUT_ROWS times: its inference is their sum. */
void ew_bench_start(void);
void ew_bench_stop(void);
void ew_layer_start(void);
void ew_layer_stop(void);

struct ew_time {
  uint64_t micros;
  uint64_t cycles; /* 0 where the core has no counter */
};

#if EW_INPUT_BY_ROWS
/* One inference: begin, push all rows, end. Only the model's own work is added to *time. */
void ew_frame_begin(struct ew_time *time);
/* 1 with the last row of the last pass. */
int ew_frame_push(const uint8_t *row, struct ew_time *time);
/* Takes the outputs; an error text, or 0. */
const char *ew_frame_end(void);
#else
/* Any number of inferences: begin, once for each, end. */
void ew_infer_begin(void);
/* One inference on the prepared input; adds to *time. */
void ew_infer_once(struct ew_time *time);
/* The same between the bench markers. */
void ew_infer_marked(struct ew_time *time);
/* Takes the outputs and the high-water marks; an error text, or 0. */
const char *ew_infer_end(void);

/* Start execution step by step on the prepared input. */
void ew_stepping_begin(void);
/* Step that ew_step would run next; EW_LAYERS at the end, -1 outside of stepping. */
int32_t ew_stepping_next(void);
/* Run that step. Returns its cycles. The outputs are taken after the last one. */
uint32_t ew_step(void);
/* The arena is about to be overwritten: end stepping. */
void ew_inference_forget(void);
#endif

/* Outputs of the last inference, all concatenated; 0 before the first inference and in a frame's midst. */
const uint8_t *ew_output(void);
/* Stack used by the last inference, in bytes. */
uint32_t ew_run_stack_used(void);

#endif
