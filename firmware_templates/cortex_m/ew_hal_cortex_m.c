/* The monitor's hardware layer on a Cortex-M, over the board's drivers. */
#include "ew_drivers.h"
#include "ew_hal.h"
#include "ew_linker.h"

#define PATIENCE_MICROS 100000u
#define AIRCR EW_REG(0xE000ED0C)

static uint32_t last_micros, micros_wraps;
static int console_stuck;

void ew_hal_init(void) {
  uint32_t clock_hz = ew_clock_init();
  ew_timer_init(clock_hz);
  ew_cycles_init();
  ew_uart_init(clock_hz);
}

int ew_hal_getc(void) { return ew_uart_getc(); }

/* Whether a wait that began at `start` may go on; bounded twice, should the timer not run. */
static int patient(uint32_t start, uint32_t tries) {
  return tries < EW_TRIES && ew_timer_micros() - start < PATIENCE_MICROS;
}

void ew_hal_putc(char c) {
  uint32_t start = ew_timer_micros();
  int sent = ew_uart_try_putc(c);
  /* A console that got stuck is waited for once; then bytes are dropped until it moves again. */
  for (uint32_t i = 0; !sent && !console_stuck && patient(start, i); i++) sent = ew_uart_try_putc(c);
  console_stuck = !sent;
}

void ew_hal_flush(void) {
  uint32_t start = ew_timer_micros();
  for (uint32_t i = 0; !ew_uart_idle() && patient(start, i); i++) {
  }
}

uint64_t ew_hal_micros(void) {
  uint32_t now = ew_timer_micros();
  if (now < last_micros) micros_wraps++;
  last_micros = now;
  return ((uint64_t)micros_wraps << 32) | now;
}

uint32_t ew_hal_cycles(void) { return ew_cycles(); }

void ew_hal_reset(void) {
  __asm volatile("dsb" ::: "memory");
  AIRCR = 0x05FA0004u;
  __asm volatile("dsb" ::: "memory");
  for (;;) {
  }
}

uint32_t *ew_hal_stack_low(void) { return __stack_low; }

uint32_t *ew_hal_stack_high(void) { return __stack_high; }

uint32_t *ew_hal_stack_pointer(void) {
  uint32_t *pointer;
  __asm volatile("mov %0, sp" : "=r"(pointer));
  return pointer;
}
