/* Timer of the RP2040: microseconds from the watchdog's tick (RP2040 datasheet, chapters 4.6 and 4.7). */
#include "ew_drivers.h"

#define RESETS_CLEAR EW_REG(0x4000F000)
#define RESETS_DONE 0x4000C008u
#define TIMER_RESET (1u << 21)
#define WATCHDOG_TICK EW_REG(0x4005802C)
#define TIMERAWL EW_REG(0x40054028)

void ew_timer_init(uint32_t clock_hz) {
  /* Ticks come from the reference clock: the crystal, or without it what the core runs from too. */
  uint32_t reference_hz = clock_hz == EW_CLOCK_HZ ? EW_CLOCK_XOSC_HZ : clock_hz;
  WATCHDOG_TICK = (reference_hz / 1000000u) | (1u << 9);
  RESETS_CLEAR = TIMER_RESET;
  ew_await(RESETS_DONE, TIMER_RESET, TIMER_RESET);
}

uint32_t ew_timer_micros(void) { return TIMERAWL; }
