/* As code generation writes it. FAKE_FLOATS: the benchmark's input is float32 and
 * the output as large, as for ad01. FAKE_UINT8: the benchmark's input is uint8. FAKE_FLOAT_OUTPUT: one float.
 * FAKE_ROWS: the input comes by rows. */
#ifndef FIRMWARE_MODEL_H
#define FIRMWARE_MODEL_H
#include <string.h>

#include "fake.h"

#ifndef FAKE_FLOATS
#define FAKE_FLOATS 0
#endif
#ifndef FAKE_FLOAT_OUTPUT
#define FAKE_FLOAT_OUTPUT 0
#endif
#ifndef FAKE_ROWS
#define FAKE_ROWS 0
#endif
#ifndef FAKE_UINT8
#define FAKE_UINT8 0
#endif

#define EW_MODEL_NAME "fake"
#define EW_MODEL_SHA256 "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define EW_MODEL_VERSION "0.1.0"
#define EW_MODEL_EEMBC_ID "kws01"
#define EW_ARENA_BYTES FAKE_ARENA_BYTES
#define EW_ARENA_ALIGNMENT 4
#define EW_INPUT_BYTES 8u
#if FAKE_FLOATS
#define EW_OUTPUT_BYTES 8u
#define EW_OUTPUTS 8u
#else
#define EW_OUTPUT_BYTES 4u
#define EW_OUTPUTS (FAKE_FLOAT_OUTPUT ? 1u : 4u)
#endif
#define EW_OUTPUT_IS_FLOAT FAKE_FLOAT_OUTPUT
#define EW_OUTPUT_IS_UINT8 0
#define EW_OUTPUT_SCALE_E9 3906250
#define EW_OUTPUT_ZERO_POINT (-128)
#define EW_LAYERS FAKE_LAYERS
#define EW_INPUT_BY_ROWS FAKE_ROWS
#define EW_INPUT_ROWS FAKE_INPUT_ROWS
#define EW_INPUT_ROW_BYTES FAKE_INPUT_ROW_BYTES
#define EW_PASSES FAKE_PASSES
#define EW_EEMBC_INPUT_UINT8 FAKE_UINT8
#define EW_EEMBC_INPUT_FLOAT FAKE_FLOATS
#define EW_EEMBC_INPUT_BYTES (FAKE_FLOATS ? 32u : 8u)
#define EW_INPUT_SCALE 0.5f
#define EW_INPUT_ZERO_POINT (3)
#define EW_INPUTS_COUNT 1

static inline void ew_model_init(void *arena) { (void)arena; }
#if FAKE_ROWS
static inline void ew_model_begin(void *arena) { fake_begin(arena); }
static inline int ew_model_push_row(void *arena, const void *row) { return fake_push_row(arena, row); }
#else
static inline uint8_t *ew_model_input_slot(void *arena) { return (uint8_t *)arena; }
static inline void ew_model_set_input(void *arena, const uint8_t *bytes) { memcpy(arena, bytes, 8); }
static inline void ew_model_run(void *arena) { fake_run(arena); }
static inline void ew_model_step(void *arena, unsigned layer) { fake_step(arena, layer); }
static inline const void *ew_model_layer_output(const void *arena, unsigned layer, unsigned *bytes) {
  *bytes = layer ? 4 : 8;
  return (const uint8_t *)arena + (layer ? 16 : 8);
}
#endif
static inline void ew_model_get_output(const void *arena, uint8_t *bytes) {
  memcpy(bytes, (const uint8_t *)arena + (FAKE_FLOATS ? 8 : 16), EW_OUTPUT_BYTES);
}
#endif
