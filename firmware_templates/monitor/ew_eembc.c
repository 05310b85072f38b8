/* Commands of the MLPerf Tiny / EEMBC protocol, with the wording the official runner expects. */
#include "ew_hal.h"
#include "ew_inference.h"
#include "ew_input.h"
#include "ew_memory.h"
#include "ew_monitor.h"
#include "ew_results.h"
#include "ew_rows.h"
#include "ew_text.h"

#define MAX_ITERATIONS 100000u
#define DEFAULT_WARMUPS 10u

static void name(char *arguments) {
  (void)arguments;
  ew_put("m-name-dut-[edgewright]\r\n");
}

static void timestamp(char *arguments) {
  (void)arguments;
  ew_put_lap();
}

static void profile(char *arguments) {
  (void)arguments;
  ew_put("m-profile-[ULPMark for tinyML Firmware V0.0.1]\r\n");
  ew_put("m-model-[" EW_MODEL_EEMBC_ID "]\r\n");
}

static void help(char *arguments) {
  (void)arguments;
  ew_put(
      "name, timestamp, profile, help, results\r\n"
#if EW_INPUT_BY_ROWS
      "ew rows: asks for the rows of the input one by one and runs the model on them\r\n"
      "ew info, ew output, ew memory, ew reset\r\n"
      "Each ends with a percent sign.\r\n"
#else
      "db load N, db HH..., db print [N [OFFSET]]: the input as hexadecimal bytes\r\n"
      "infer [N [WARMUPS]]\r\n"
      "ew info, ew load N CRC32, ew run N, ew output\r\n"
      "ew begin, ew step I, ew layer I, ew profile, ew bench, ew memory, ew reset\r\n"
      "Each ends with a percent sign; Ctrl-C ends a run early.\r\n"
#endif
  );
}

#if !EW_INPUT_BY_ROWS

static uint8_t *load_to; /* 0: no load in progress */
static uint32_t load_position;
static uint32_t load_number; /* of ew_input_loads: another one makes all this void */

/* How a byte of the runner's data becomes one of the model's, and back. */
static uint8_t recode(uint8_t byte) { return EW_EEMBC_INPUT_UINT8 ? byte ^ 0x80u : byte; }

static void db_load(char *arguments) {
  uint32_t bytes;
  load_to = 0;
  if (!ew_parse_u32(ew_word(&arguments), &bytes) || bytes == 0) {
    ew_error("Command 'db load' must be >0 bytes");
  } else if (bytes != EW_EEMBC_INPUT_BYTES) {
    ew_put("e-[The input of this model has ");
    ew_put_u64(EW_EEMBC_INPUT_BYTES);
    ew_put(" bytes]\r\n");
  } else {
    load_to = ew_input_open(EW_EEMBC_INPUT_FLOAT);
    load_number = ew_input_loads();
    load_position = 0;
    ew_put("m-[Expecting ");
    ew_put_u64(bytes);
    ew_put(" bytes]\r\n");
  }
}

static void db_hex(const char *digits) {
  uint32_t count = 0;
  for (; digits[count]; count++) {
    if (ew_hex_digit(digits[count]) < 0) {
      ew_put("e-[Invalid hex digit '");
      ew_hal_putc(digits[count]);
      ew_put("']\r\n");
      return;
    }
  }
  if (count & 1u) {
    ew_error("Insufficent number of hex digits");
    return;
  }
  if (!load_to || load_number != ew_input_loads()) {
    ew_error("Send 'db load' first");
    return;
  }
  /* Digits past the last byte are disregarded, as the protocol's reference does. */
  for (; *digits && load_position < EW_EEMBC_INPUT_BYTES; digits += 2) {
    uint32_t byte = 16u * (uint32_t)ew_hex_digit(digits[0]) + (uint32_t)ew_hex_digit(digits[1]);
    load_to[load_position++] = recode((uint8_t)byte);
  }
  if (load_position == EW_EEMBC_INPUT_BYTES) {
    load_to = 0;
    ew_input_close();
    ew_put("m-load-done\r\n");
  }
}

static void db_print(char *arguments) {
  const uint8_t *bytes = ew_input_bytes();
  uint32_t loaded = bytes && load_number == ew_input_loads() ? load_position : 0;
  uint32_t count = loaded, offset = 0;
  const char *count_text = ew_word(&arguments);
  const char *offset_text = ew_word(&arguments);
  if ((count_text && !ew_parse_u32(count_text, &count)) || (offset_text && !ew_parse_u32(offset_text, &offset))) {
    ew_error("Usage: db print [N [OFFSET]]");
    return;
  }
  if (offset > loaded) offset = loaded;
  if (count > loaded - offset) count = loaded - offset;
  for (uint32_t i = 0; i < count; i++) {
    if (i % 8u == 0) ew_put("m-buffer-");
    ew_put_hex8(recode(bytes[offset + i]));
    if (i % 8u == 7u || i + 1u == count) {
      ew_end_line();
    } else {
      ew_hal_putc('-');
    }
  }
}

static void db(char *arguments) {
  const char *word = ew_word(&arguments);
  if (!word) {
    ew_error("Command 'db' requires a subcommand");
  } else if (ew_same(word, "load")) {
    db_load(arguments);
  } else if (ew_same(word, "print")) {
    db_print(arguments);
  } else {
    db_hex(word);
  }
}

/* `count` inferences, all but the first of the command with a fresh copy of the input; 0: aborted. */
static int repeat(uint32_t count, int *first, struct ew_time *time) {
  for (; count; count--) {
    if (!*first) ew_input_again();
    *first = 0;
    ew_infer_once(time);
    if (ew_abort_requested()) return 0;
  }
  return 1;
}

static void infer(char *arguments) {
  uint32_t iterations = 1, warmups = DEFAULT_WARMUPS;
  const char *iterations_text = ew_word(&arguments);
  const char *warmups_text = ew_word(&arguments);
  struct ew_time time = {0, 0};
  int first = 1;
  if (iterations_text && (!ew_parse_u32(iterations_text, &iterations) || !iterations || iterations > MAX_ITERATIONS)) {
    ew_error("Inference iterations must be >0 and at most 100000");
    return;
  }
  if (warmups_text && (!ew_parse_u32(warmups_text, &warmups) || warmups > MAX_ITERATIONS)) {
    ew_error("Inference warmup must be >=0 and at most 100000");
    return;
  }
  const char *problem = ew_input_prepare(iterations + warmups);
  if (problem) {
    ew_error(problem);
    return;
  }
  ew_infer_begin();
  ew_put("m-warmup-start-");
  ew_put_u64(warmups);
  ew_end_line();
  int complete = repeat(warmups, &first, &time);
  if (complete) {
    ew_put("m-warmup-done\r\nm-infer-start-");
    ew_put_u64(iterations);
    ew_end_line();
    ew_put_lap();
    complete = repeat(iterations, &first, &time);
    ew_put_lap();
  }
  problem = ew_infer_end();
  if (!complete) problem = "Aborted";
  if (problem) {
    ew_error(problem);
    return;
  }
  ew_put("m-infer-done\r\n");
  ew_put_results();
}

#endif

static void results(char *arguments) {
  (void)arguments;
  ew_put_results();
}

const struct ew_command ew_eembc_commands[] = {
    {"name", name},       {"timestamp", timestamp}, {"profile", profile}, {"help", help},
    {"results", results},
#if EW_INPUT_BY_ROWS
    {"db", ew_by_rows},   {"infer", ew_by_rows},
#else
    {"db", db},           {"infer", infer},
#endif
    {0, 0},
};
