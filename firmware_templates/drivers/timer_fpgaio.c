/* Prescaled counter of the FPGAIO block on MPS2 and MPS3 boards: 32 bits of microseconds. */
#include "ew_drivers.h"

#define COUNTER EW_REG(EW_TIMER_BASE + 0x18)
#define PRESCALE EW_REG(EW_TIMER_BASE + 0x1C)

void ew_timer_init(uint32_t clock_hz) {
  (void)clock_hz;
  PRESCALE = EW_TIMER_CLOCK_HZ / 1000000u - 1u;
  COUNTER = 0;
}

uint32_t ew_timer_micros(void) { return COUNTER; }
