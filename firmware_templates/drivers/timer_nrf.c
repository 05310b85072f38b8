/* TIMER0 of the nRF51 and nRF52 series: 32 bits at 1 MHz (nRF51 Reference Manual 3.0, chapter 18). */
#include "ew_drivers.h"

#define START EW_REG(EW_TIMER_BASE + 0x000)
#define CAPTURE0 EW_REG(EW_TIMER_BASE + 0x040)
#define MODE EW_REG(EW_TIMER_BASE + 0x504)
#define BITMODE EW_REG(EW_TIMER_BASE + 0x508)
#define PRESCALER EW_REG(EW_TIMER_BASE + 0x510)
#define CC0 EW_REG(EW_TIMER_BASE + 0x540)

void ew_timer_init(uint32_t clock_hz) {
  (void)clock_hz; /* the timer always runs from 16 MHz */
  MODE = 0;
  BITMODE = 3;
  PRESCALER = 4;
  START = 1;
}

uint32_t ew_timer_micros(void) {
  CAPTURE0 = 1;
  return CC0;
}
