/* Interface of the drivers. A board picks one file of each kind: uart_*, timer_*, cycles_*, clock_*.
 *
 * Their numbers come from the board's TOML through ew_board.h: `base` of [console] is EW_CONSOLE_BASE,
 * `pll_m` of [clock] is EW_CLOCK_PLL_M, and so on. */
#ifndef EW_DRIVERS_H
#define EW_DRIVERS_H
#include <stdint.h>

#include "ew_board.h"

#ifndef EW_REG /* the host tests have registers of their own */
#define EW_REG(address) (*(volatile uint32_t *)(address))
#endif

/* Tries of a wait for hardware that should answer in microseconds: some 100 ms at 100 MHz. */
#define EW_TRIES 1000000u

/* Wait until the bits of `mask` in a register read `value`; 0 if they never do. */
static inline int ew_await(uint32_t address, uint32_t mask, uint32_t value) {
  for (uint32_t i = 0; i < EW_TRIES; i++) {
    if ((EW_REG(address) & mask) == value) return 1;
  }
  return 0;
}

/* Bring the core to EW_CLOCK_HZ. Returns the frequency that was reached. */
uint32_t ew_clock_init(void);

/* `clock_hz`: the core's frequency. */
void ew_uart_init(uint32_t clock_hz);
int ew_uart_getc(void);        /* next byte or -1; clears receive errors */
int ew_uart_try_putc(char c);  /* 0: not now */
int ew_uart_idle(void);        /* whether everything has left the wire */

void ew_timer_init(uint32_t clock_hz);
uint32_t ew_timer_micros(void); /* modulo 2^32 */

void ew_cycles_init(void);
uint32_t ew_cycles(void); /* modulo 2^32; 0 always without a counter */

#endif
