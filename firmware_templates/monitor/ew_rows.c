#include "ew_rows.h"

#include "ew_crc32.h"
#include "ew_inference.h"
#include "ew_monitor.h"
#include "ew_text.h"
#include "ew_transfer.h"

#if EW_INPUT_BY_ROWS

#define CRC_BYTES 4u

static uint8_t row[EW_INPUT_ROW_BYTES] __attribute__((aligned(4)));

void ew_by_rows(char *arguments) {
  (void)arguments;
  ew_error("This firmware takes the input by rows: ew rows");
}

/* Ask for a row and take it; an error text, or 0. */
static const char *receive(uint32_t number) {
  uint32_t crc = 0, expected = 0;
  ew_reply("m-ew-row-[", number);
  for (uint32_t i = 0; i < EW_INPUT_ROW_BYTES + CRC_BYTES; i++) {
    int byte = ew_await_byte();
    if (byte < 0) return "timeout";
    if (i < EW_INPUT_ROW_BYTES) {
      row[i] = (uint8_t)byte;
      crc = ew_crc32(crc, (uint8_t)byte);
    } else {
      expected = expected >> 8 | (uint32_t)byte << 24;
    }
  }
  return crc == expected ? 0 : "crc mismatch";
}

static void rows(char *arguments) {
  struct ew_time time = {0, 0};
  int complete = 0;
  (void)arguments;
  ew_frame_begin(&time);
  for (uint32_t number = 0; number < EW_PASSES * EW_INPUT_ROWS; number++) {
    const char *problem = receive(number);
    if (problem) {
      ew_put("e-[row ");
      ew_put_u64(number);
      ew_put(": ");
      ew_put(problem);
      ew_put("]\r\n");
      return;
    }
    complete = ew_frame_push(row, &time);
  }
  const char *problem = complete ? ew_frame_end() : "The model waits for more rows";
  if (problem) {
    ew_error(problem);
  } else {
    ew_put_time(&time);
  }
}

const struct ew_command ew_input_commands[] = {
    {"rows", rows},        {"load", ew_by_rows}, {"run", ew_by_rows},   {"bench", ew_by_rows},   {"begin", ew_by_rows},
    {"step", ew_by_rows}, {"layer", ew_by_rows}, {"profile", ew_by_rows}, {0, 0},
};

#endif
