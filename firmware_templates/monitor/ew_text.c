#include "ew_text.h"

#include "ew_hal.h"

void ew_put(const char *text) {
  while (*text) ew_hal_putc(*text++);
}

void ew_end_line(void) { ew_put("\r\n"); }

/* Subtracting powers of ten: a division of 64 bits would be 700 bytes of libgcc on a Cortex-M0. */
void ew_put_u64(uint64_t value) {
  static const uint64_t powers[] = {
      10000000000000000000u, 1000000000000000000u, 100000000000000000u, 10000000000000000u, 1000000000000000u,
      100000000000000u,      10000000000000u,      1000000000000u,      100000000000u,      10000000000u,
      1000000000u,           100000000u,           10000000u,           1000000u,           100000u,
      10000u,                1000u,                100u,                10u,                1u};
  int started = 0;
  for (unsigned i = 0; i < sizeof powers / sizeof *powers; i++) {
    char digit = '0';
    while (value >= powers[i]) {
      value -= powers[i];
      digit++;
    }
    if (digit != '0' || started || powers[i] == 1u) {
      started = 1;
      ew_hal_putc(digit);
    }
  }
}

void ew_put_hex8(uint8_t byte) {
  static const char digits[] = "0123456789abcdef";
  ew_hal_putc(digits[byte >> 4]);
  ew_hal_putc(digits[byte & 15]);
}

void ew_put_hex32(uint32_t word) {
  for (int shift = 24; shift >= 0; shift -= 8) ew_put_hex8((uint8_t)(word >> shift));
}

void ew_reply(const char *start, uint64_t value) {
  ew_put(start);
  ew_put_u64(value);
  ew_put("]\r\n");
}

void ew_error(const char *text) {
  ew_put("e-[");
  ew_put(text);
  ew_put("]\r\n");
}

char *ew_word(char **cursor) {
  char *start = *cursor;
  while (*start == ' ') start++;
  char *end = start;
  while (*end && *end != ' ') end++;
  *cursor = *end ? end + 1 : end;
  *end = 0;
  return *start ? start : 0;
}

int ew_same(const char *a, const char *b) {
  while (*a && *a == *b) a++, b++;
  return *a == *b;
}

int ew_hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

int ew_parse_u32(const char *text, uint32_t *value) {
  uint64_t sum = 0;
  if (!text || !*text) return 0;
  for (; *text; text++) {
    if (*text < '0' || *text > '9') return 0;
    sum = 10u * sum + (uint32_t)(*text - '0');
    if (sum > UINT32_MAX) return 0;
  }
  *value = (uint32_t)sum;
  return 1;
}

int ew_parse_hex32(const char *text, uint32_t *value) {
  uint32_t sum = 0;
  if (!text) return 0;
  for (int i = 0; i < 8; i++) {
    int digit = ew_hex_digit(text[i]);
    if (digit < 0) return 0;
    sum = 16u * sum + (uint32_t)digit;
  }
  if (text[8]) return 0;
  *value = sum;
  return 1;
}
