/* Commands of edgewright's own, behind the word "ew". */
#include "ew_board.h"
#include "ew_crc32.h"
#include "ew_hal.h"
#include "ew_inference.h"
#include "ew_input.h"
#include "ew_memory.h"
#include "ew_monitor.h"
#include "ew_text.h"

#define MAX_RUNS 100000u
#define LOAD_IDLE_MICROS 2000000u
#define DATA_BYTES_PER_LINE 32u

static void info(char *arguments) {
  (void)arguments;
  ew_put("m-ew-model-[" EW_MODEL_NAME "]\r\nm-ew-sha256-[" EW_MODEL_SHA256 "]\r\n");
  ew_put("m-ew-version-[" EW_MODEL_VERSION "]\r\nm-ew-board-[" EW_BOARD_ID "]\r\n");
  ew_reply("m-ew-input-bytes-[", EW_INPUT_BYTES);
  ew_reply("m-ew-output-bytes-[", EW_OUTPUT_BYTES);
  ew_reply("m-ew-layers-[", EW_LAYERS);
  ew_reply("m-ew-clock-hz-[", EW_CLOCK_HZ);
  ew_reply("m-ew-load-limit-[", EW_INPUT_BYTES);
}

/* Next raw byte, or -1 after two seconds without one. */
static int await_byte(void) {
  uint64_t start = ew_hal_micros();
  int byte = ew_next_byte();
  while (byte < 0 && ew_hal_micros() - start < LOAD_IDLE_MICROS) byte = ew_next_byte();
  return byte;
}

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
    int byte = await_byte();
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

static void put_data(const uint8_t *data, uint32_t bytes) {
  uint32_t crc = 0;
  for (uint32_t i = 0; i < bytes; i++) {
    if (i % DATA_BYTES_PER_LINE == 0) ew_put("m-ew-data-[");
    ew_put_hex8(data[i]);
    crc = ew_crc32(crc, data[i]);
    if (i % DATA_BYTES_PER_LINE == DATA_BYTES_PER_LINE - 1u || i + 1u == bytes) ew_put("]\r\n");
  }
  ew_put("m-ew-crc-[");
  ew_put_hex32(crc);
  ew_put("]\r\n");
}

static void put_time(const struct ew_time *time) {
  ew_reply("m-ew-us-[", time->micros);
  ew_reply("m-ew-cycles-[", time->cycles);
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
  put_time(&time);
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
    put_time(&time);
  }
}

static void output(char *arguments) {
  (void)arguments;
  const uint8_t *bytes = ew_output();
  if (bytes) {
    put_data(bytes, EW_OUTPUT_BYTES);
  } else {
    ew_error("There was no inference yet");
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
  uint32_t layer;
  if (!ew_parse_u32(ew_word(&arguments), &layer) || layer >= EW_LAYERS) {
    ew_error("Usage: ew step I, I a layer of the model");
  } else if ((int32_t)layer != ew_stepping_next()) {
    ew_error("Layers run in order after 'ew begin'");
  } else {
    ew_step();
    if (ew_guard_broken()) ew_error("The model wrote behind its arena");
  }
}

static void layer(char *arguments) {
  uint32_t index;
  if (!ew_parse_u32(ew_word(&arguments), &index) || index >= EW_LAYERS) {
    ew_error("Usage: ew layer I, I a layer of the model");
  } else if ((int32_t)index + 1 != ew_stepping_next()) {
    ew_error("Only the layer that was stepped last can be read");
  } else {
    unsigned bytes;
    const uint8_t *data = ew_model_layer_output(ew_arena, index, &bytes);
    put_data(data, bytes);
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

static void memory(char *arguments) {
  (void)arguments;
  ew_reply("m-ew-arena-bytes-[", EW_ARENA_BYTES);
  ew_reply("m-ew-arena-used-[", ew_arena_used());
  ew_reply("m-ew-stack-bytes-[", (uint64_t)((uintptr_t)ew_hal_stack_high() - (uintptr_t)ew_hal_stack_low()));
  ew_reply("m-ew-stack-used-[", ew_stack_high_water());
  ew_reply("m-ew-run-stack-used-[", ew_run_stack_used());
}

static void reset(char *arguments) {
  (void)arguments;
  ew_hal_flush();
  ew_hal_reset();
}

const struct ew_command ew_own_commands[] = {
    {"info", info}, {"load", load}, {"run", run},         {"output", output}, {"begin", begin},   {"step", step},
    {"layer", layer}, {"profile", profile}, {"bench", bench}, {"memory", memory}, {"reset", reset}, {0, 0},
};
