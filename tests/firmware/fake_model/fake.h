/* A model by hand for the tests of the monitor: two steps, 8 inputs, 4 outputs. */
#ifndef FAKE_H
#define FAKE_H
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define FAKE_ARENA_BYTES 24u
#define FAKE_LAYERS 2u

/* Layer 0: hidden[i] = in[i] + weight[i % 4]; layer 1: out[i] = hidden[i] ^ hidden[i + 4]. */
void fake_run(void *arena);
void fake_step(void *arena, uint32_t layer);

/* The same model, row by row: an input of FAKE_INPUT_ROWS rows, pushed once for each half of the outputs. */
#define FAKE_INPUT_ROWS 4u
#define FAKE_INPUT_ROW_BYTES 2u
#define FAKE_PASSES 2u
void fake_begin(void *arena);
int fake_push_row(void *arena, const void *row);

#ifdef __cplusplus
}
#endif
#endif
