/* STM32L4+: PLL from the 16 MHz RC oscillator in boost mode (RM0432). All buses run at the core's frequency. */
#include "ew_drivers.h"

#define RCC 0x40021000u
#define RCC_CR EW_REG(RCC + 0x00)
#define RCC_CFGR EW_REG(RCC + 0x08)
#define RCC_PLLCFGR EW_REG(RCC + 0x0C)
#define RCC_APB1ENR1 EW_REG(RCC + 0x58)
#define CR_HSI_ON (1u << 8)
#define CR_HSI_READY (1u << 10)
#define CR_PLL_ON (1u << 24)
#define CR_PLL_READY (1u << 25)
#define PLL_FROM_HSI 2u
#define PLL_R_ON (1u << 24)
#define CFGR_PLL 3u
#define CFGR_AHB_BY_2 (8u << 4)
#define FLASH_ACR EW_REG(0x40022000)
#define FLASH_CACHES_PREFETCH ((1u << 10) | (1u << 9) | (1u << 8))
#define PWR_CR5 EW_REG(0x40007080)
#define PWR_RANGE_1_NORMAL (1u << 8)
#define HSI_HZ 16000000u
#define MSI_HZ 4000000u

_Static_assert(HSI_HZ / EW_CLOCK_PLL_M * EW_CLOCK_PLL_N / EW_CLOCK_PLL_R == EW_CLOCK_HZ,
               "clock_hz of the board does not follow from its [clock] table");

uint32_t ew_clock_init(void) {
  RCC_APB1ENR1 |= 1u << 28; /* PWR */
  (void)RCC_APB1ENR1;
  PWR_CR5 &= ~PWR_RANGE_1_NORMAL; /* boost: above 80 MHz */
  RCC_CR |= CR_HSI_ON;
  if (!ew_await(RCC, CR_HSI_READY, CR_HSI_READY)) return MSI_HZ;
  RCC_PLLCFGR = PLL_R_ON | ((EW_CLOCK_PLL_R / 2u - 1u) << 25) | (EW_CLOCK_PLL_N << 8) | ((EW_CLOCK_PLL_M - 1u) << 4) | PLL_FROM_HSI;
  RCC_CR |= CR_PLL_ON;
  if (!ew_await(RCC, CR_PLL_READY, CR_PLL_READY)) return MSI_HZ;
  FLASH_ACR = FLASH_CACHES_PREFETCH | EW_CLOCK_FLASH_WAIT_STATES;
  ew_await(0x40022000u, 15u, EW_CLOCK_FLASH_WAIT_STATES);
  /* Going above 80 MHz wants a microsecond at half speed. */
  RCC_CFGR = CFGR_AHB_BY_2 | CFGR_PLL;
  ew_await(RCC + 0x08, 3u << 2, CFGR_PLL << 2);
  for (volatile int i = 0; i < 100; i++) {
  }
  RCC_CFGR = CFGR_PLL;
  return EW_CLOCK_HZ;
}
