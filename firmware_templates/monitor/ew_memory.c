#include "ew_memory.h"

#include "ew_hal.h"

#define STACK_PAINT 0xA5C35A3Cu
/* Words just below the stack pointer that painting leaves alone: frames of the painting itself. */
#define STACK_MARGIN_WORDS 16

_Static_assert(EW_ARENA_ALIGNMENT <= 16, "the arena is aligned to 16 bytes");

/* The linker script puts the guard right behind the arena. */
uint8_t ew_arena[EW_ARENA_BYTES] __attribute__((section(".bss.ew_arena"), aligned(16)));
static uint8_t guard[16] __attribute__((section(".bss.ew_arena_guard"), used));

static uint32_t high_water;
static int stack_painted;

/* Differs from byte to byte, so that a constant fill by the model is not taken for paint. */
static uint8_t paint(uint32_t index) { return (uint8_t)(index * 197u + 0x5Au); }

void ew_paint_arena(void) {
  for (uint32_t i = 0; i < EW_ARENA_BYTES; i++) ew_arena[i] = paint(i);
  for (uint32_t i = 0; i < sizeof guard; i++) guard[i] = paint(i);
}

uint32_t ew_arena_used(void) {
  uint32_t used = EW_ARENA_BYTES;
  while (used && ew_arena[used - 1] == paint(used - 1)) used--;
  return used;
}

int ew_guard_broken(void) {
  for (uint32_t i = 0; i < sizeof guard; i++) {
    if (guard[i] != paint(i)) return 1;
  }
  return 0;
}

void ew_paint_stack(void) {
  if (stack_painted) high_water = ew_stack_high_water();
  stack_painted = 1;
  uint32_t *end = ew_hal_stack_pointer() - STACK_MARGIN_WORDS;
  for (volatile uint32_t *word = ew_hal_stack_low(); word < end; word++) *word = STACK_PAINT;
}

uint32_t ew_stack_used(const uint32_t *from) {
  const volatile uint32_t *word = ew_hal_stack_low();
  while (word < from && *word == STACK_PAINT) word++;
  return (uint32_t)((uintptr_t)from - (uintptr_t)word);
}

uint32_t ew_stack_high_water(void) {
  uint32_t now = ew_stack_used(ew_hal_stack_high());
  return now > high_water ? now : high_water;
}
