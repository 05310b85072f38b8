/* Cycle counter of the data watchpoint and trace unit (Armv7-M and Armv8-M mainline, hardware only). */
#include "ew_drivers.h"

#define DEMCR EW_REG(0xE000EDFC)
#define DWT_CTRL EW_REG(0xE0001000)
#define DWT_CYCCNT EW_REG(0xE0001004)

void ew_cycles_init(void) {
  DEMCR |= 1u << 24;
  DWT_CYCCNT = 0;
  DWT_CTRL |= 1u;
}

/* Reads 0 always where there is none, as in the emulator. */
uint32_t ew_cycles(void) { return DWT_CYCCNT; }
