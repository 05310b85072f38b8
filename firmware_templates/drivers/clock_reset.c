/* The reset clock is the one the board declares. */
#include "ew_drivers.h"

uint32_t ew_clock_init(void) { return EW_CLOCK_HZ; }
