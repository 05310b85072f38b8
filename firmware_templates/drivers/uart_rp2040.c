/* UART0 (PL011) of the RP2040 on GPIO 0 and 1 (RP2040 datasheet, chapter 4.2). */
#include "ew_drivers.h"

#define UART 0x40034000u
#define DR EW_REG(UART + 0x00)
#define FR EW_REG(UART + 0x18)
#define IBRD EW_REG(UART + 0x24)
#define FBRD EW_REG(UART + 0x28)
#define LCR_H EW_REG(UART + 0x2C)
#define CR EW_REG(UART + 0x30)
#define FR_BUSY (1u << 3)
#define FR_RX_EMPTY (1u << 4)
#define FR_TX_FULL (1u << 5)
#define RESETS_CLEAR EW_REG(0x4000F000) /* writing clears bits of RESETS.RESET */
#define RESETS_DONE 0x4000C008u
#define IO_BANK0 (1u << 5)
#define PADS_BANK0 (1u << 8)
#define UART0 (1u << 22)
#define GPIO_CTRL(pin) EW_REG(0x40014004 + 8 * (pin))
#define PAD(pin) EW_REG(0x4001C004 + 4 * (pin))
#define PAD_INPUT_PULL_UP ((1u << 6) | (1u << 3) | (1u << 4) | (1u << 1)) /* input enabled, 4 mA, Schmitt trigger */

void ew_uart_init(uint32_t clock_hz) {
  RESETS_CLEAR = IO_BANK0 | PADS_BANK0 | UART0;
  ew_await(RESETS_DONE, IO_BANK0 | PADS_BANK0 | UART0, IO_BANK0 | PADS_BANK0 | UART0);
  /* Divider in 64ths; 8n1 with FIFOs. */
  uint32_t divider = (4u * clock_hz + EW_CONSOLE_BAUD / 2) / EW_CONSOLE_BAUD;
  IBRD = divider >> 6;
  FBRD = divider & 63u;
  LCR_H = (3u << 5) | (1u << 4);
  CR = (1u << 9) | (1u << 8) | 1u;
  PAD(1) = PAD_INPUT_PULL_UP; /* an open line is silent */
  GPIO_CTRL(0) = 2;
  GPIO_CTRL(1) = 2;
}

int ew_uart_getc(void) {
  if (FR & FR_RX_EMPTY) return -1;
  return (int)(DR & 255u); /* reading takes the error flags of the byte with it */
}

int ew_uart_try_putc(char c) {
  if (FR & FR_TX_FULL) return 0;
  DR = (uint8_t)c;
  return 1;
}

int ew_uart_idle(void) { return !(FR & FR_BUSY); }
