/* Running the model: whole, layer by layer, timed. */
#ifndef EW_INFERENCE_H
#define EW_INFERENCE_H
#include <stdint.h>

#include "firmware_model.h"

/* The emulator counts instructions from a start marker to the next stop marker. */
void ew_bench_start(void);
void ew_bench_stop(void);
void ew_layer_start(void);
void ew_layer_stop(void);

struct ew_time {
  uint64_t micros;
  uint64_t cycles; /* 0 where the core has no counter */
};

/* Any number of inferences: begin, once for each, end. */
void ew_infer_begin(void);
/* One inference on the prepared input; adds to *time. */
void ew_infer_once(struct ew_time *time);
/* The same between the bench markers. */
void ew_infer_marked(struct ew_time *time);
/* Takes the outputs and the high-water marks; an error text, or 0. */
const char *ew_infer_end(void);

/* Start layer by layer execution on the prepared input. */
void ew_stepping_begin(void);
/* Layer that ew_step would run next; EW_LAYERS at the end, -1 outside of stepping. */
int32_t ew_stepping_next(void);
/* Run that layer. Returns its cycles. The outputs are taken after the last one. */
uint32_t ew_step(void);

/* Outputs of the last inference, all concatenated; 0 before the first inference. */
const uint8_t *ew_output(void);
/* Stack used by the last inference, in bytes. */
uint32_t ew_run_stack_used(void);
/* The arena is about to be overwritten: end stepping. */
void ew_inference_forget(void);

#endif
