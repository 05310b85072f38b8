/* A model by hand for the tests of the monitor: two layers, 8 inputs, 4 outputs. */
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

#ifdef __cplusplus
}
#endif
#endif
