/* Vector table and reset of a Cortex-M: no device interrupts are used, everything is polled. */
#include <stdint.h>

#include "ew_linker.h"

#define SCB_VTOR (*(volatile uint32_t *)0xE000ED08)
#define SCB_CPACR (*(volatile uint32_t *)0xE000ED88)

void Reset_Handler(void);
void Fault_Handler(void);
void SysTick_Handler(void);
int main(void);

union vector {
  uint32_t *stack;
  void (*handler)(void);
};

extern const union vector ew_vectors[16];
__attribute__((section(".vectors"), used)) const union vector ew_vectors[16] = {
    {.stack = __stack_high},
    {.handler = Reset_Handler},
    {.handler = Fault_Handler}, /* NMI */
    {.handler = Fault_Handler}, /* hard fault */
    {.handler = Fault_Handler}, /* memory, bus, usage and secure fault: not enabled, they escalate */
    {.handler = Fault_Handler},
    {.handler = Fault_Handler},
    {.handler = Fault_Handler},
    {0},
    {0},
    {0},
    {.handler = Fault_Handler}, /* SVC */
    {.handler = Fault_Handler}, /* debug monitor */
    {0},
    {.handler = Fault_Handler}, /* PendSV */
    {.handler = SysTick_Handler},
};

/* Volatile: these loops must not become calls of memcpy and memset, which may use the FPU that is off. */
static void initialize_memory(void) {
  const uint32_t *from = __data_load;
  for (volatile uint32_t *to = __data_start; to < __data_end; to++) *to = *from++;
  for (volatile uint32_t *to = __bss_start; to < __bss_end; to++) *to = 0;
}

void Reset_Handler(void) {
#if defined(__ARM_ARCH_8M_MAIN__) || defined(__ARM_ARCH_8_1M_MAIN__)
  /* The core stops at the end of the stack, before anything below is overwritten. */
  __asm volatile("msr msplim, %0" ::"r"(__stack_low));
#endif
#if !defined(__ARM_ARCH_6M__)
  SCB_VTOR = (uint32_t)(uintptr_t)ew_vectors;
#endif
#if defined(__ARM_FP) || defined(__ARM_FEATURE_MVE)
  SCB_CPACR |= 15u << 20;
  __asm volatile("dsb\n isb" ::: "memory");
#endif
  initialize_memory();
  main();
}
