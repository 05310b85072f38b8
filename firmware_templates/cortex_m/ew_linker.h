/* Symbols of the linker script (link.ld.j2). */
#ifndef EW_LINKER_H
#define EW_LINKER_H
#include <stdint.h>

extern uint32_t __stack_low[], __stack_high[];
extern const uint32_t __data_load[];
extern uint32_t __data_start[], __data_end[];
extern uint32_t __bss_start[], __bss_end[];

#endif
