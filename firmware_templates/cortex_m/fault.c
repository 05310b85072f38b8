/* Any fault: say where, then restart. The stack may be what broke, so the handler starts on a fresh one. */
#include <stdint.h>

#include "ew_hal.h"
#include "ew_linker.h"
#include "ew_text.h"

#define FRAME_BYTES 32u
#define SCB_CFSR (*(volatile uint32_t *)0xE000ED28)
/* Stack limit passed (Armv8-M), bus fault or memory fault while stacking. */
#define STACKING_FAILED ((1u << 20) | (1u << 12) | (1u << 4))

void Fault_Handler(void);
void ew_report_fault(const uint32_t *frame);

__attribute__((naked)) void Fault_Handler(void) {
  __asm volatile(
      "mrs r0, msp\n"
      "ldr r1, =__stack_high\n"
      "msr msp, r1\n"
      "ldr r2, =ew_report_fault\n"
      "bx r2\n"
      ".ltorg\n");
}

/* Until a driver wants it. */
void SysTick_Handler(void) __attribute__((weak, alias("Fault_Handler")));

/* `frame`: r0-r3, r12, lr, pc, xpsr as the core stacked them, if the stack was still sound. */
__attribute__((used, noreturn)) void ew_report_fault(const uint32_t *frame) {
  uintptr_t at = (uintptr_t)frame;
  int sound = at >= (uintptr_t)__stack_low && at + FRAME_BYTES <= (uintptr_t)__stack_high && at % 4u == 0;
#if !defined(__ARM_ARCH_6M__)
  if (SCB_CFSR & STACKING_FAILED) sound = 0;
#endif
  ew_put("\r\ne-[hard fault");
  if (sound) {
    ew_put(" at pc 0x");
    ew_put_hex32(frame[6]);
  } else {
    ew_put(", stack overflow");
  }
  ew_put("]\r\n");
  ew_hal_flush();
  ew_hal_reset();
  for (;;) {
  }
}
