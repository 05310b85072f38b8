/* The monitor on the host: console bytes come from a file, replies go to standard output.
 *
 * 0xFE in the file escapes: 0 is a byte 0xFE, 1 a silence of three seconds, 2 a line "--" in the output,
 * 3 a reset of the device. Time passes one millisecond a look at the clock, so silences cost nothing. */
#include <stdio.h>

#include "ew_hal.h"
#include "ew_memory.h"
#include "ew_monitor.h"

#define STACK_WORDS 256
/* More than bytes the monitor can have put aside. */
#define PATIENCE_POLLS 100

static FILE *input;
static unsigned silence;
static int escape = -1; /* the escape that waits to be acted on */
static unsigned patience;
static uint64_t micros;
static uint32_t cycles;
static uint32_t stack[STACK_WORDS];

void ew_hal_init(void) {}
void ew_hal_putc(char c) { putchar(c); }
void ew_hal_flush(void) {}
uint64_t ew_hal_micros(void) { return micros += 1000; }
uint32_t ew_hal_cycles(void) { return cycles += 25; }
void ew_hal_reset(void) { ew_monitor_start(); }
uint32_t *ew_hal_stack_low(void) { return stack; }
uint32_t *ew_hal_stack_high(void) { return stack + STACK_WORDS; }
uint32_t *ew_hal_stack_pointer(void) { return stack + STACK_WORDS - 32; }

int ew_hal_getc(void) {
  if (silence) {
    silence--;
    return -1;
  }
  if (escape >= 0) return -1;
  int byte = getc(input);
  if (byte != 0xFE) return byte == EOF ? -1 : byte;
  byte = getc(input);
  if (byte == 0) return 0xFE;
  if (byte == 1) {
    silence = 3000;
  } else {
    escape = byte;
    patience = PATIENCE_POLLS;
  }
  return -1;
}

/* Escapes act when the monitor has used up what it received before. */
static void take_escape(void) {
  if (escape == 2) printf("--\n");
  if (escape == 3) ew_monitor_start();
  escape = -1;
}

int main(int argc, char **argv) {
  input = argc > 1 ? fopen(argv[1], "rb") : 0;
  if (!input) return 2;
  ew_paint_stack();
  ew_paint_arena();
  ew_model_init(ew_arena);
  ew_monitor_start();
  for (unsigned after = 0; after < PATIENCE_POLLS; after += feof(input) && !silence) {
    ew_monitor_poll();
    if (escape >= 0 && !silence && !patience--) take_escape();
  }
  return ew_guard_broken() ? 3 : 0;
}
