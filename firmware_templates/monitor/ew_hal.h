/* What the monitor needs of a board. Nothing here waits without bound. */
#ifndef EW_HAL_H
#define EW_HAL_H
#include <stdint.h>

/* Clocks, console, timers; called once. */
void ew_hal_init(void);

/* Next received byte, or -1 when there is none. */
int ew_hal_getc(void);

/* Send one byte. Gives up on a console that does not take it within 100 ms. */
void ew_hal_putc(char c);

/* Wait until everything sent has left the wire, at most 100 ms. */
void ew_hal_flush(void);

/* Microseconds since start. Must be called at least once an hour, or a wrap of the timer is lost. */
uint64_t ew_hal_micros(void);

/* Core cycles modulo 2^32; 0 always where the core has no counter. */
uint32_t ew_hal_cycles(void);

/* Restart the device. Returns only in the host tests. */
void ew_hal_reset(void);

/* The stack grows from high down to low; pointer is where it is now. */
uint32_t *ew_hal_stack_low(void);
uint32_t *ew_hal_stack_high(void);
uint32_t *ew_hal_stack_pointer(void);

#endif
