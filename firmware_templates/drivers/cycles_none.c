/* For cores and emulators without a cycle counter. */
#include "ew_drivers.h"

void ew_cycles_init(void) {}

uint32_t ew_cycles(void) { return 0; }
