/* Commands of firmware whose input lies in RAM as a whole. */
#include "ew_crc32.h"
#include "ew_inference.h"
#include "ew_input.h"
#include "ew_memory.h"
#include "ew_monitor.h"
#include "ew_text.h"
#include "ew_transfer.h"

#if !EW_INPUT_BY_ROWS

#define MAX_RUNS 100000u

static void load(char *arguments) {
  uint32_t bytes, expected, crc = 0;
  if (!ew_parse_u32(ew_word(&arguments), &bytes) || !ew_parse_hex32(ew_word(&arguments), &expected)) {
    ew_error("Usage: ew load N CRC32 (eight hexadecimal digits)");
    return;
  }
  if (bytes != EW_INPUT_BYTES) {
    ew_put("e-[The input of this model has ");
    ew_put_u64(EW_INPUT_BYTES);
    ew_put(" bytes]\r\n");
    return;
  }
  uint8_t *to = ew_input_open(0);
  ew_reply("m-ew-send-[", bytes);
  for (uint32_t i = 0; i < bytes; i++) {
    int byte = ew_await_byte();
    if (byte < 0) {
      ew_error("load timeout");
      return;
    }
    to[i] = (uint8_t)byte;
    crc = ew_crc32(crc, (uint8_t)byte);
  }
  if (crc != expected) {
    ew_error("crc mismatch");
    return;
  }
  ew_input_close();
  ew_put("m-ew-load-done\r\n");
}

static void run(char *arguments) {
  uint32_t runs;
  struct ew_time time = {0, 0};
  if (!ew_parse_u32(ew_word(&arguments), &runs) || !runs || runs > MAX_RUNS) {
    ew_error("Usage: ew run N, N from 1 to 100000");
    return;
  }
  const char *problem = ew_input_prepare(runs);
  if (problem) {
    ew_error(problem);
    return;
  }
  ew_infer_begin();
  int aborted = 0;
  for (uint32_t i = 0; i < runs && !aborted; i++) {
    if (i) ew_input_again();
    ew_infer_once(&time);
    aborted = ew_abort_requested();
  }
  problem = ew_infer_end();
  if (aborted) problem = "Aborted";
  if (problem) {
    ew_error(problem);
    return;
  }
  ew_put_time(&time);
}

static void bench(char *arguments) {
  struct ew_time time = {0, 0};
  (void)arguments;
  const char *problem = ew_input_prepare(1);
  if (!problem) {
    ew_infer_begin();
    ew_infer_marked(&time);
    problem = ew_infer_end();
  }
  if (problem) {
    ew_error(problem);
  } else {
    ew_put_time(&time);
  }
}

static void begin(char *arguments) {
  (void)arguments;
  const char *problem = ew_input_prepare(1);
  if (problem) {
    ew_error(problem);
  } else {
    ew_stepping_begin();
  }
}

static void step(char *arguments) {
  uint32_t index;
  if (!ew_parse_u32(ew_word(&arguments), &index) || index >= EW_LAYERS) {
    ew_error("Usage: ew step I, I a step of the model");
  } else if ((int32_t)index != ew_stepping_next()) {
    ew_error("Steps run in order after 'ew begin'");
  } else {
    ew_step();
    if (ew_guard_broken()) ew_error("The model wrote behind its arena");
  }
}

static void layer(char *arguments) {
  uint32_t index;
  if (!ew_parse_u32(ew_word(&arguments), &index) || index >= EW_LAYERS) {
    ew_error("Usage: ew layer I, I a step of the model");
  } else if ((int32_t)index + 1 != ew_stepping_next()) {
    ew_error("Only the output of the step that ran last can be read");
  } else {
    unsigned bytes;
    const uint8_t *data = ew_model_layer_output(ew_arena, index, &bytes);
    ew_put_data(data, bytes);
  }
}

static void profile(char *arguments) {
  (void)arguments;
  const char *problem = ew_input_prepare(1);
  if (problem) {
    ew_error(problem);
    return;
  }
  ew_stepping_begin();
  for (uint32_t i = 0; i < EW_LAYERS; i++) {
    uint32_t cycles = ew_step();
    ew_put("m-ew-layer-[");
    ew_put_u64(i);
    ew_reply("]-[", cycles);
  }
}

const struct ew_command ew_input_commands[] = {
    {"load", load}, {"run", run},     {"bench", bench},     {"begin", begin},
    {"step", step}, {"layer", layer}, {"profile", profile}, {0, 0},
};

#endif
