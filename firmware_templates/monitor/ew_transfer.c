#include "ew_transfer.h"

#include "ew_crc32.h"
#include "ew_hal.h"
#include "ew_monitor.h"
#include "ew_text.h"

#define IDLE_MICROS 2000000u
#define DATA_BYTES_PER_LINE 32u

int ew_await_byte(void) {
  uint64_t start = ew_hal_micros();
  int byte = ew_next_byte();
  while (byte < 0 && ew_hal_micros() - start < IDLE_MICROS) byte = ew_next_byte();
  return byte;
}

void ew_put_data(const uint8_t *data, uint32_t bytes) {
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

void ew_put_time(const struct ew_time *time) {
  ew_reply("m-ew-us-[", time->micros);
  ew_reply("m-ew-cycles-[", time->cycles);
}
