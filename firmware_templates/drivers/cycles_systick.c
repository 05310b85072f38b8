/* SysTick as a cycle counter for cores without DWT: 24 bits down, wraps counted by its interrupt. */
#include "ew_drivers.h"

#define CSR EW_REG(0xE000E010)
#define RVR EW_REG(0xE000E014)
#define CVR EW_REG(0xE000E018)
#define PERIOD 0x1000000u

static volatile uint32_t wraps;

void SysTick_Handler(void);
void SysTick_Handler(void) { wraps++; }

void ew_cycles_init(void) {
  RVR = PERIOD - 1u;
  CVR = 0;
  CSR = 7; /* core clock, interrupt, on */
}

/* Read again when a wrap came in between. */
uint32_t ew_cycles(void) {
  uint32_t before, now;
  do {
    before = wraps;
    now = CVR;
  } while (before != wraps);
  return before * PERIOD + (PERIOD - 1u - now);
}
