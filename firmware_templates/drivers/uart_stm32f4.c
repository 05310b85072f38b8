/* USART of the STM32F4 series (RM0090, RM0390). */
#include "ew_drivers.h"

#define SR EW_REG(EW_CONSOLE_BASE + 0x00)
#define DR EW_REG(EW_CONSOLE_BASE + 0x04)
#define BRR EW_REG(EW_CONSOLE_BASE + 0x08)
#define CR1 EW_REG(EW_CONSOLE_BASE + 0x0C)
#define SR_ERRORS 0x0Fu
#define SR_RXNE (1u << 5)
#define SR_TC (1u << 6)
#define SR_TXE (1u << 7)
#define CR1_ENABLE_TX_RX ((1u << 13) | (1u << 3) | (1u << 2))
#define RCC_AHB1ENR EW_REG(0x40023830)
#define GPIO_MODER EW_REG(EW_CONSOLE_GPIO_BASE + 0x00)
#define GPIO_PUPDR EW_REG(EW_CONSOLE_GPIO_BASE + 0x0C)
#define GPIO_AFR(pin) EW_REG(EW_CONSOLE_GPIO_BASE + 0x20 + 4 * ((pin) / 8))

static void alternate(unsigned pin) {
  GPIO_AFR(pin) = (GPIO_AFR(pin) & ~(15u << (4 * (pin % 8)))) | ((uint32_t)EW_CONSOLE_ALTERNATE_FUNCTION << (4 * (pin % 8)));
  GPIO_MODER = (GPIO_MODER & ~(3u << (2 * pin))) | (2u << (2 * pin));
}

void ew_uart_init(uint32_t clock_hz) {
  /* Without a PLL the buses are not divided (see clock_stm32f4.c). */
  uint32_t bus_hz = clock_hz == EW_CLOCK_HZ ? clock_hz / EW_CONSOLE_BUS_DIVIDER : clock_hz;
  RCC_AHB1ENR |= 1u << EW_CONSOLE_GPIO_BIT;
  EW_REG(EW_CONSOLE_CLOCK_ENABLE_REG) |= 1u << EW_CONSOLE_CLOCK_ENABLE_BIT;
  (void)EW_REG(EW_CONSOLE_CLOCK_ENABLE_REG); /* the clock needs two cycles */
  alternate(EW_CONSOLE_TX_PIN);
  alternate(EW_CONSOLE_RX_PIN);
  GPIO_PUPDR |= 1u << (2 * EW_CONSOLE_RX_PIN); /* pulled up: an open line is silent */
  BRR = (bus_hz + EW_CONSOLE_BAUD / 2) / EW_CONSOLE_BAUD;
  CR1 = CR1_ENABLE_TX_RX;
}

int ew_uart_getc(void) {
  uint32_t status = SR;
  if (!(status & (SR_RXNE | SR_ERRORS))) return -1;
  uint32_t data = DR; /* reading SR and then DR clears the errors too */
  return status & SR_RXNE ? (int)(data & 255u) : -1;
}

int ew_uart_try_putc(char c) {
  if (!(SR & SR_TXE)) return 0;
  DR = (uint8_t)c;
  return 1;
}

int ew_uart_idle(void) { return (SR & SR_TC) != 0; }
