#include "fake.h"

#include <string.h>

extern const int8_t fake_w0[4];

typedef void (*kernel)(uint8_t *arena);

/* The input (0..7) is overwritten by the hidden layer on purpose: a second inference needs a new copy. */
static void shift(uint8_t *arena) {
  for (int i = 0; i < 8; i++) arena[8 + i] = (uint8_t)(arena[i] + (uint8_t)fake_w0[i % 4]);
  memset(arena, 0, 8);
}

static void combine(uint8_t *arena) {
  for (int i = 0; i < 4; i++) arena[16 + i] = arena[8 + i] ^ arena[12 + i];
}

static const kernel kernels[2] = {shift, combine};

void fake_step(void *arena, uint32_t layer) { kernels[layer]((uint8_t *)arena); }

void fake_run(void *arena) {
  for (uint32_t layer = 0; layer < FAKE_LAYERS; layer++) fake_step(arena, layer);
}

/* Rows pushed so far lie at 0, the outputs at 16. */
void fake_begin(void *arena) {
  memset(arena, 0, 4);
  memset((uint8_t *)arena + 16, 0, 4);
}

int fake_push_row(void *arena, const void *row) {
  uint8_t *bytes = arena;
  uint32_t pass = bytes[0] / FAKE_INPUT_ROWS, first = bytes[0] % FAKE_INPUT_ROWS * FAKE_INPUT_ROW_BYTES;
  for (uint32_t i = 0; i < FAKE_INPUT_ROW_BYTES; i++) {
    uint32_t at = (first + i) % 4;
    if (at / 2 == pass) bytes[16 + at] ^= (uint8_t)(((const uint8_t *)row)[i] + (uint8_t)fake_w0[at]);
  }
  return ++bytes[0] == FAKE_PASSES * FAKE_INPUT_ROWS;
}
