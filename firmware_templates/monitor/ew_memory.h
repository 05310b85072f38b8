/* The arena, and how much of it and of the stack is really used: both are painted beforehand. */
#ifndef EW_MEMORY_H
#define EW_MEMORY_H
#include <stdint.h>

#include "firmware_model.h"

extern uint8_t ew_arena[EW_ARENA_BYTES];

/* Fill the arena and the guard behind it with the pattern; the arena's contents are lost. */
void ew_paint_arena(void);
/* Bytes from the arena's start to the last one that is no longer painted. */
uint32_t ew_arena_used(void);
/* Whether something wrote behind the arena since it was painted. */
int ew_guard_broken(void);

/* Paint the free part of the stack (what was used of it so far is remembered). */
void ew_paint_stack(void);
/* Bytes between `from` and the deepest address below it that is no longer painted. */
uint32_t ew_stack_used(const uint32_t *from);
/* Most bytes of the stack used since start, by whatever. */
uint32_t ew_stack_high_water(void);

#endif
