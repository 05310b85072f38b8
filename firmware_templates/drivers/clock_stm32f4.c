/* STM32F4: PLL from the external oscillator (RM0090, RM0390). APB1 runs at a quarter, APB2 at half of the core. */
#include "ew_drivers.h"

#define RCC 0x40023800u
#define RCC_CR EW_REG(RCC + 0x00)
#define RCC_PLLCFGR EW_REG(RCC + 0x04)
#define RCC_CFGR EW_REG(RCC + 0x08)
#define CR_HSE_ON (1u << 16)
#define CR_HSE_READY (1u << 17)
#define CR_HSE_BYPASS (1u << 18)
#define CR_PLL_ON (1u << 24)
#define CR_PLL_READY (1u << 25)
#define PLL_FROM_HSE (1u << 22)
#define CFGR_APB1_BY_4 (5u << 10)
#define CFGR_APB2_BY_2 (4u << 13)
#define CFGR_PLL 2u
#define FLASH_ACR EW_REG(0x40023C00)
#define FLASH_CACHES_PREFETCH ((1u << 10) | (1u << 9) | (1u << 8))
#define HSI_HZ 16000000u

_Static_assert((uint64_t)EW_CLOCK_HSE_HZ / EW_CLOCK_PLL_M * EW_CLOCK_PLL_N / EW_CLOCK_PLL_P == EW_CLOCK_HZ,
               "clock_hz of the board does not follow from its [clock] table");

uint32_t ew_clock_init(void) {
  /* The internal oscillator is always on after reset: this block reads 0 only in the emulator, which
   * runs at the declared frequency anyway. */
  if (RCC_CR == 0) return EW_CLOCK_HZ;
  RCC_CR |= CR_HSE_ON | (EW_CLOCK_HSE_BYPASS ? CR_HSE_BYPASS : 0u);
  if (!ew_await(RCC, CR_HSE_READY, CR_HSE_READY)) return HSI_HZ;
  /* The regulator is at scale 1 after reset, as 168 MHz needs. R and Q feed other blocks: 2 is R's reset
   * value, 7 keeps the USB clock at 48 MHz. */
  RCC_PLLCFGR = (2u << 28) | (7u << 24) | PLL_FROM_HSE | ((EW_CLOCK_PLL_P / 2u - 1u) << 16) | (EW_CLOCK_PLL_N << 6) | EW_CLOCK_PLL_M;
  RCC_CR |= CR_PLL_ON;
  if (!ew_await(RCC, CR_PLL_READY, CR_PLL_READY)) return HSI_HZ;
  FLASH_ACR = FLASH_CACHES_PREFETCH | EW_CLOCK_FLASH_WAIT_STATES;
  RCC_CFGR = CFGR_APB1_BY_4 | CFGR_APB2_BY_2 | CFGR_PLL;
  ew_await(RCC + 0x08, 3u << 2, CFGR_PLL << 2);
  return EW_CLOCK_HZ;
}
