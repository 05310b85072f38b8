/* RP2040: crystal and system PLL (RP2040 datasheet, chapters 2.15, 2.16 and 2.18). */
#include "ew_drivers.h"

#define RESETS_SET EW_REG(0x4000E000)
#define RESETS_CLEAR EW_REG(0x4000F000)
#define RESETS_DONE 0x4000C008u
#define RESET_PLL_SYS (1u << 12)
#define XOSC 0x40024000u
#define XOSC_CTRL EW_REG(XOSC + 0x00)
#define XOSC_STARTUP EW_REG(XOSC + 0x0C)
#define XOSC_STATUS (XOSC + 0x04)
#define XOSC_1_TO_15_MHZ 0xAA0u
#define XOSC_ENABLE (0xFABu << 12)
#define CLK_REF_CTRL EW_REG(0x40008030)
#define CLK_REF_SELECTED 0x40008038u
#define CLK_SYS_CTRL EW_REG(0x4000803C)
#define CLK_SYS_SELECTED 0x40008044u
#define CLK_PERI_CTRL EW_REG(0x40008048)
#define PLL 0x40028000u
#define PLL_CS EW_REG(PLL + 0x00)
#define PLL_POWER_DOWN_CLEAR EW_REG(PLL + 0x3004)
#define PLL_FEEDBACK EW_REG(PLL + 0x08)
#define PLL_POST_DIVIDERS EW_REG(PLL + 0x0C)
#define PD_CORE 1u
#define PD_POST (1u << 3)
#define PD_VCO (1u << 5)
#define RING_OSCILLATOR_HZ 6000000u

_Static_assert(EW_CLOCK_XOSC_HZ * (uint64_t)EW_CLOCK_PLL_FEEDBACK / EW_CLOCK_PLL_POST_1 / EW_CLOCK_PLL_POST_2 == EW_CLOCK_HZ,
               "clock_hz of the board does not follow from its [clock] table");

uint32_t ew_clock_init(void) {
  CLK_PERI_CTRL = 1u << 11; /* on, from clk_sys */
  XOSC_CTRL = XOSC_1_TO_15_MHZ;
  XOSC_STARTUP = 47; /* times 256 crystal cycles: 1 ms */
  XOSC_CTRL = XOSC_1_TO_15_MHZ | XOSC_ENABLE;
  if (!ew_await(XOSC_STATUS, 1u << 31, 1u << 31)) return RING_OSCILLATOR_HZ;
  CLK_REF_CTRL = 2;
  ew_await(CLK_REF_SELECTED, 1u << 2, 1u << 2);
  /* A soft reset may find the PLL in use: leave it before it is set anew. */
  CLK_SYS_CTRL = 0;
  ew_await(CLK_SYS_SELECTED, 1u, 1u);
  RESETS_SET = RESET_PLL_SYS;
  RESETS_CLEAR = RESET_PLL_SYS;
  ew_await(RESETS_DONE, RESET_PLL_SYS, RESET_PLL_SYS);
  PLL_CS = 1;
  PLL_FEEDBACK = EW_CLOCK_PLL_FEEDBACK;
  PLL_POWER_DOWN_CLEAR = PD_CORE | PD_VCO;
  ew_await(PLL, 1u << 31, 1u << 31);
  PLL_POST_DIVIDERS = (EW_CLOCK_PLL_POST_1 << 16) | (EW_CLOCK_PLL_POST_2 << 12);
  PLL_POWER_DOWN_CLEAR = PD_POST;
  CLK_SYS_CTRL = 1; /* auxiliary source, which is the system PLL */
  ew_await(CLK_SYS_SELECTED, 2u, 2u);
  return EW_CLOCK_HZ;
}
