/* CMSDK APB UART of the MPS2 and MPS3 boards (Arm DDI 0479, chapter 4.3). */
#include "ew_drivers.h"

#define DATA EW_REG(EW_CONSOLE_BASE + 0x00)
#define STATE EW_REG(EW_CONSOLE_BASE + 0x04)
#define CTRL EW_REG(EW_CONSOLE_BASE + 0x08)
#define BAUDDIV EW_REG(EW_CONSOLE_BASE + 0x10)
#define TX_FULL 1u
#define RX_FULL 2u
#define OVERRUNS 12u

void ew_uart_init(uint32_t clock_hz) {
  BAUDDIV = clock_hz / EW_CONSOLE_BAUD;
  CTRL = 3; /* transmit and receive */
}

int ew_uart_getc(void) {
  uint32_t state = STATE;
  if (state & OVERRUNS) STATE = OVERRUNS;
  return state & RX_FULL ? (int)(DATA & 255u) : -1;
}

int ew_uart_try_putc(char c) {
  if (STATE & TX_FULL) return 0;
  DATA = (uint8_t)c;
  return 1;
}

/* The holding register; the shift register behind it does not show. */
int ew_uart_idle(void) { return !(STATE & TX_FULL); }
