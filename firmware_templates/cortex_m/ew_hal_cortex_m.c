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

/* Bounded twice, should the timer not run. */
static int try_for_a_while(int (*done)(char), char c) {
  uint32_t start = ew_timer_micros();
  for (uint32_t i = 0; i < 10u * EW_TRIES && ew_timer_micros() - start < PATIENCE_MICROS; i++) {
    if (done(c)) return 1;
  }
  return 0;
}

void ew_hal_putc(char c) {
  if (ew_uart_try_putc(c)) {
    console_stuck = 0;
  } else if (!console_stuck) {
    /* Wait once; afterwards drop until the console moves again. */
    console_stuck = !try_for_a_while(ew_uart_try_putc, c);
  }
}

static int idle(char c) {
  (void)c;
  return ew_uart_idle();
}

void ew_hal_flush(void) { try_for_a_while(idle, 0); }

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
