/* Pushes a signal through a time-streaming library and compares every output; reports by semihosting. */
#include <stdint.h>

#include "ew_linker.h"
#include "stream_under_test.h"

#define MARKER __attribute__((noinline, used))
#define GUARD_BYTES 16u
#define STACK_PAINT 0xA5C35A3Cu
#define STACK_MARGIN_WORDS 16
#define SYS_WRITE0 0x04u
#define SYS_EXIT 0x18u
#define STOPPED_BY_EXIT 0x20026u
#define STOPPED_BY_ERROR 0x20023u

static uint8_t arena[STREAM_ARENA_BYTES + GUARD_BYTES] __attribute__((aligned(16)));

/* The cycle counter counts between them: around every call, and around what comes before the first. */
MARKER void ew_bench_start(void) { __asm volatile(""); }
MARKER void ew_bench_stop(void) { __asm volatile(""); }
MARKER void ew_layer_start(void) { __asm volatile(""); }
MARKER void ew_layer_stop(void) { __asm volatile(""); }

static void call_host(uint32_t operation, uintptr_t argument) {
  register uint32_t r0 __asm("r0") = operation;
  register uintptr_t r1 __asm("r1") = argument;
  __asm volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
}

void Fault_Handler(void);
void Fault_Handler(void) {
  call_host(SYS_EXIT, STOPPED_BY_ERROR);
  for (;;) {
  }
}
void SysTick_Handler(void) __attribute__((alias("Fault_Handler")));

/* "name value\n" */
static void report(const char *name, uint32_t value) {
  char digits[12], *at = digits + sizeof digits;
  *--at = 0;
  *--at = '\n';
  do *--at = (char)('0' + value % 10u);
  while (value /= 10u);
  call_host(SYS_WRITE0, (uintptr_t)name);
  call_host(SYS_WRITE0, (uintptr_t)at);
}

static uint8_t paint(uint32_t index) { return (uint8_t)(index * 197u + 0x5Au); }

static uint32_t arena_used(void) {
  uint32_t used = sizeof arena;
  while (used && arena[used - 1u] == paint(used - 1u)) used--;
  return used;
}

static uint32_t *stack_pointer(void) {
  uint32_t *pointer;
  __asm volatile("mov %0, sp" : "=r"(pointer));
  return pointer;
}

static void paint_stack(void) {
  for (volatile uint32_t *word = __stack_low; word < stack_pointer() - STACK_MARGIN_WORDS; word++)
    *word = STACK_PAINT;
}

/* Bytes below `from` that were written. */
static uint32_t stack_used(const uint32_t *from) {
  const uint32_t *word = __stack_low;
  while (word < from && *word == STACK_PAINT) word++;
  return (uint32_t)((uintptr_t)from - (uintptr_t)word);
}

/* 1 where an output of the call differs from what is expected behind `*expected`, which moves on. */
static int differs(const uint8_t **expected) {
  int found = 0;
#define COMPARE(output, bytes)                             \
  for (uint32_t i = 0; i < (bytes); i++, (*expected)++)    \
    found |= ((const uint8_t *)(output)(arena))[i] != **expected;
  STREAM_OUTPUTS(COMPARE)
  return found;
}

int main(void) {
  uint32_t *const top = stack_pointer();
  const uint8_t *expected = stream_expected;
  uint32_t compared = 0, mismatches = 0;
  for (uint32_t i = 0; i < sizeof arena; i++) arena[i] = paint(i);
  paint_stack();
  ew_layer_start();
  STREAM_INIT(arena);
  ew_layer_stop();
  for (uint32_t call = 1; call <= STREAM_CALLS; call++) {
    ew_bench_start();
    STREAM_PUSH(arena, stream_signal + (call - 1u) * STREAM_INPUT_BYTES);
    ew_bench_stop();
    if (call < STREAM_WARM_UP_CALLS) continue;
    compared++;
    mismatches += (uint32_t)differs(&expected);
  }
  report("stack ", stack_used(top));
  report("arena ", arena_used());
  report("compared ", compared);
  report("mismatches ", mismatches);
  call_host(SYS_EXIT, STOPPED_BY_EXIT);
  return 0;
}
