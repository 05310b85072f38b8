/* Commands of edgewright's own, behind the word "ew", that need no input. */
#include "ew_board.h"
#include "ew_hal.h"
#include "ew_inference.h"
#include "ew_memory.h"
#include "ew_monitor.h"
#include "ew_text.h"
#include "ew_transfer.h"

static void info(char *arguments) {
  (void)arguments;
  ew_put("m-ew-model-[" EW_MODEL_NAME "]\r\nm-ew-sha256-[" EW_MODEL_SHA256 "]\r\n");
  ew_put("m-ew-version-[" EW_MODEL_VERSION "]\r\nm-ew-board-[" EW_BOARD_ID "]\r\n");
  ew_reply("m-ew-input-bytes-[", EW_INPUT_BYTES);
  ew_reply("m-ew-output-bytes-[", EW_OUTPUT_BYTES);
  ew_reply("m-ew-layers-[", EW_LAYERS);
  ew_reply("m-ew-clock-hz-[", EW_CLOCK_HZ);
#if EW_INPUT_BY_ROWS
  ew_reply("m-ew-load-limit-[", 0);
  ew_put("m-ew-input-[rows]\r\n");
  ew_reply("m-ew-input-rows-[", EW_INPUT_ROWS);
  ew_reply("m-ew-input-row-bytes-[", EW_INPUT_ROW_BYTES);
  ew_reply("m-ew-passes-[", EW_PASSES);
#else
  ew_reply("m-ew-load-limit-[", EW_INPUT_BYTES);
#endif
}

static void output(char *arguments) {
  (void)arguments;
  const uint8_t *bytes = ew_output();
  if (bytes) {
    ew_put_data(bytes, EW_OUTPUT_BYTES);
  } else {
    ew_error("There was no inference yet");
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
    {"info", info}, {"output", output}, {"memory", memory}, {"reset", reset}, {0, 0},
};
