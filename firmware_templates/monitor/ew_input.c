#include "ew_input.h"

#include "ew_inference.h"
#include "ew_memory.h"

#if !EW_INPUT_BY_ROWS

enum state { NONE, LOADING, READY, USED };

static enum state state;
static uint32_t loads;

#if EW_EEMBC_INPUT_FLOAT
static float float_buffer[EW_INPUT_BYTES];
static int holds_floats;

/* As the MLPerf Tiny reference: divide, round half away from zero, saturate. NaN becomes the minimum. */
static int8_t quantize(float x) {
  float scaled = x / EW_INPUT_SCALE;
  if (!(scaled > -1000.0f)) scaled = -1000.0f;
  if (scaled > 1000.0f) scaled = 1000.0f;
  int32_t q = (int32_t)scaled;
  float rest = scaled - (float)q;
  if (rest >= 0.5f) q++;
  if (rest <= -0.5f) q--;
  q += EW_INPUT_ZERO_POINT;
  return (int8_t)(q < -128 ? -128 : q > 127 ? 127 : q);
}
#endif

#if EW_KEEP_INPUT
/* Aligned for the copy into the arena. */
static uint8_t buffer[EW_INPUT_BYTES] __attribute__((aligned(4)));
static uint8_t *model_bytes(void) { return buffer; }
#else
static uint8_t *model_bytes(void) { return ew_model_input_slot(ew_arena); }
#endif

uint8_t *ew_input_open(int floats) {
  state = LOADING;
  loads++;
#if !EW_KEEP_INPUT
  ew_inference_forget();
  ew_paint_arena();
  ew_model_init(ew_arena);
#endif
#if EW_EEMBC_INPUT_FLOAT
  holds_floats = floats;
  if (floats) return (uint8_t *)float_buffer;
#else
  (void)floats;
#endif
  return model_bytes();
}

void ew_input_close(void) {
#if EW_EEMBC_INPUT_FLOAT
  for (uint32_t i = 0; holds_floats && i < EW_INPUT_BYTES; i++) model_bytes()[i] = (uint8_t)quantize(float_buffer[i]);
#endif
  state = READY;
}

uint32_t ew_input_loads(void) { return loads; }

const uint8_t *ew_input_bytes(void) {
#if EW_EEMBC_INPUT_FLOAT
  if (holds_floats) return (const uint8_t *)float_buffer;
#endif
  return state == USED ? 0 : model_bytes();
}

const char *ew_input_prepare(uint32_t runs) {
  if (state == USED) return "The last inference used the input up; load it again";
  if (state != READY) return "No input is loaded";
#if EW_KEEP_INPUT
  (void)runs;
  ew_paint_arena();
  ew_model_init(ew_arena);
  ew_model_set_input(ew_arena, buffer);
#else
  if (runs != 1) return "This firmware keeps no copy of the input: one inference a load";
  state = USED;
#endif
  return 0;
}

void ew_input_again(void) {
#if EW_KEEP_INPUT
  ew_model_set_input(ew_arena, buffer);
#endif
}

#if EW_EEMBC_INPUT_FLOAT
const float *ew_input_floats(void) { return holds_floats ? float_buffer : 0; }
#endif

#endif
