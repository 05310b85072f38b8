/* TIM2 of the STM32F4 and STM32L4 series: 32 bits at 1 MHz. */
#include "ew_drivers.h"

#define TIM2 0x40000000u
#define CR1 EW_REG(TIM2 + 0x00)
#define EGR EW_REG(TIM2 + 0x14)
#define CNT EW_REG(TIM2 + 0x24)
#define PSC EW_REG(TIM2 + 0x28)
#define ARR EW_REG(TIM2 + 0x2C)
void ew_timer_init(uint32_t clock_hz) {
  uint32_t timer_hz = clock_hz == EW_CLOCK_HZ ? clock_hz / EW_TIMER_BUS_DIVIDER : clock_hz;
#if defined(EW_TIMER_EMULATOR_HZ)
  /* RCC_CR: the internal oscillator is on after every reset, so this reads 0 only in the emulator. */
  if (EW_REG(0x40023800) == 0) timer_hz = EW_TIMER_EMULATOR_HZ;
#endif
  EW_REG(EW_TIMER_CLOCK_ENABLE_REG) |= 1u;
  (void)EW_REG(EW_TIMER_CLOCK_ENABLE_REG); /* the clock needs two cycles */
  PSC = timer_hz / 1000000u - 1u;
  ARR = 0xFFFFFFFFu;
  EGR = 1; /* load the prescaler */
  CR1 = 1;
}

uint32_t ew_timer_micros(void) { return CNT; }
