/* nRF51 and nRF52: the core runs at its one frequency after reset; the crystal makes it exact. */
#include "ew_drivers.h"

#define CLOCK 0x40000000u

uint32_t ew_clock_init(void) {
  EW_REG(CLOCK + 0x100) = 0;         /* EVENTS_HFCLKSTARTED */
  EW_REG(CLOCK + 0x000) = 1;         /* TASKS_HFCLKSTART */
  ew_await(CLOCK + 0x100, 1u, 1u);   /* without a crystal it stays on the RC oscillator, same frequency */
  return EW_CLOCK_HZ;
}
