/* UART of the nRF51 and, with the same registers, nRF52 series (nRF51 Reference Manual 3.0, chapter 28). */
#include "ew_drivers.h"

#define BASE EW_CONSOLE_BASE
#define STARTRX EW_REG(BASE + 0x000)
#define STARTTX EW_REG(BASE + 0x008)
#define RXDRDY EW_REG(BASE + 0x108)
#define TXDRDY EW_REG(BASE + 0x11C)
#define ERRORSRC EW_REG(BASE + 0x480)
#define ENABLE EW_REG(BASE + 0x500)
#define PSELTXD EW_REG(BASE + 0x50C)
#define PSELRXD EW_REG(BASE + 0x514)
#define RXD EW_REG(BASE + 0x518)
#define TXD EW_REG(BASE + 0x51C)
#define BAUDRATE EW_REG(BASE + 0x524)
#define GPIO_OUTSET EW_REG(0x50000508)
#define GPIO_DIRSET EW_REG(0x50000518)
#define GPIO_PIN_CNF(pin) EW_REG(0x50000700 + 4 * (pin))

static int sending;

void ew_uart_init(uint32_t clock_hz) {
  (void)clock_hz; /* the UART always runs from 16 MHz */
  GPIO_OUTSET = 1u << EW_CONSOLE_TX_PIN;
  GPIO_DIRSET = 1u << EW_CONSOLE_TX_PIN;
  GPIO_PIN_CNF(EW_CONSOLE_RX_PIN) = 3u << 2; /* input, pulled up: an open line is silent */
  PSELTXD = EW_CONSOLE_TX_PIN;
  PSELRXD = EW_CONSOLE_RX_PIN;
  /* baud * 2^32 / 16 MHz, in steps of 0x1000. */
  BAUDRATE = (uint32_t)((((uint64_t)EW_CONSOLE_BAUD << 32) / 16000000u + 0x800u) & 0xFFFFF000u);
  ENABLE = 4;
  STARTTX = 1;
  STARTRX = 1;
}

int ew_uart_getc(void) {
  uint32_t errors = ERRORSRC;
  if (errors) ERRORSRC = errors;
  if (!RXDRDY) return -1;
  RXDRDY = 0;
  return (int)(RXD & 255u);
}

int ew_uart_try_putc(char c) {
  if (sending && !TXDRDY) return 0;
  TXDRDY = 0;
  sending = 1;
  TXD = (uint8_t)c;
  return 1;
}

int ew_uart_idle(void) { return !sending || TXDRDY != 0; }
