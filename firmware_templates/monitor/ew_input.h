/* The loaded input: where its bytes are, and whether they may be used again. Nothing of this is in
 * firmware that takes its input by rows (ew_rows.h).
 *
 * EW_KEEP_INPUT 1 (default): the input has a buffer of its own and every inference gets a fresh copy.
 * EW_KEEP_INPUT 0: the input is written straight into the arena, which saves EW_INPUT_BYTES of RAM;
 * one inference uses it up. Only for models with one input. */
#ifndef EW_INPUT_H
#define EW_INPUT_H
#include <stdint.h>

#include "firmware_model.h"

#ifndef EW_KEEP_INPUT
#define EW_KEEP_INPUT 1
#endif
#if !EW_KEEP_INPUT && EW_INPUTS_COUNT != 1
#error "EW_KEEP_INPUT=0 needs a model with one input"
#endif

/* Start a load. `floats`: of EW_EEMBC_INPUT_BYTES of float32 that will be quantized (`db`), otherwise
 * of the model's EW_INPUT_BYTES. The previous input is gone. Returns where the bytes go. */
uint8_t *ew_input_open(int floats);
/* The load is complete. */
void ew_input_close(void);
/* Where the bytes of the last load begun or completed are; 0 if they were used up. */
const uint8_t *ew_input_bytes(void);
/* Number of loads begun: tells a command whether the last one is still its own. */
uint32_t ew_input_loads(void);

/* Put the input into the arena for the first of `runs` inferences; an error text, or 0. */
const char *ew_input_prepare(uint32_t runs);
/* Put it there again for a further one. */
void ew_input_again(void);

/* The float32 values that were loaded; 0 if the model's own bytes were. */
const float *ew_input_floats(void);

#endif
