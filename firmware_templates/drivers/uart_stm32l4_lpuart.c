/* LPUART1 of the STM32L4+ series on PG7 and PG8 (RM0432), the virtual port of the Nucleo-144 boards. */
#include "ew_drivers.h"

#define LPUART 0x40008000u
#define CR1 EW_REG(LPUART + 0x00)
#define CR3 EW_REG(LPUART + 0x08)
#define BRR EW_REG(LPUART + 0x0C)
#define ISR EW_REG(LPUART + 0x1C)
#define ICR EW_REG(LPUART + 0x20)
#define RDR EW_REG(LPUART + 0x24)
#define TDR EW_REG(LPUART + 0x28)
#define ISR_ERRORS 0x0Fu
#define ISR_RXNE (1u << 5)
#define ISR_TC (1u << 6)
#define ISR_TXE (1u << 7)
#define CR1_ENABLE_TX_RX ((1u << 3) | (1u << 2) | (1u << 0))
#define CR3_NO_OVERRUN (1u << 12)
#define RCC_AHB2ENR EW_REG(0x4002104C)
#define RCC_APB1ENR1 EW_REG(0x40021058)
#define RCC_APB1ENR2 EW_REG(0x4002105C)
#define PWR_CR2 EW_REG(0x40007004)
#define GPIOG 0x48001800u
#define GPIO_MODER EW_REG(GPIOG + 0x00)
#define GPIO_PUPDR EW_REG(GPIOG + 0x0C)
#define GPIO_AFRL EW_REG(GPIOG + 0x20)
#define GPIO_AFRH EW_REG(GPIOG + 0x24)

void ew_uart_init(uint32_t clock_hz) {
  RCC_APB1ENR1 |= 1u << 28; /* PWR */
  RCC_AHB2ENR |= 1u << 6;   /* GPIOG */
  RCC_APB1ENR2 |= 1u << 0;  /* LPUART1, clocked by APB1 = the core's clock */
  (void)RCC_APB1ENR2;
  PWR_CR2 |= 1u << 9; /* PG2 to PG15 have a supply of their own that must be declared valid */
  GPIO_AFRL = (GPIO_AFRL & ~(15u << 28)) | (8u << 28);
  GPIO_AFRH = (GPIO_AFRH & ~15u) | 8u;
  GPIO_MODER = (GPIO_MODER & ~(15u << 14)) | (10u << 14);
  GPIO_PUPDR |= 1u << 16; /* PG8 pulled up: an open line is silent */
  /* 256 * clock / baud, rounded, without a division of 64 bits */
  BRR = 256u * (clock_hz / EW_CONSOLE_BAUD) + (256u * (clock_hz % EW_CONSOLE_BAUD) + EW_CONSOLE_BAUD / 2) / EW_CONSOLE_BAUD;
  CR3 = CR3_NO_OVERRUN; /* a lost byte must not block the receiver */
  CR1 = CR1_ENABLE_TX_RX;
}

int ew_uart_getc(void) {
  uint32_t status = ISR;
  if (status & ISR_ERRORS) ICR = ISR_ERRORS;
  return status & ISR_RXNE ? (int)(RDR & 255u) : -1;
}

int ew_uart_try_putc(char c) {
  if (!(ISR & ISR_TXE)) return 0;
  TDR = (uint8_t)c;
  return 1;
}

int ew_uart_idle(void) { return (ISR & ISR_TC) != 0; }
