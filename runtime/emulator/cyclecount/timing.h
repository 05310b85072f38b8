/* Cycle costs of a zero-wait-state core, from the instruction timing tables of Arm's reference manuals. */
#ifndef CYCLECOUNT_TIMING_H
#define CYCLECOUNT_TIMING_H

#include "thumb.h"

struct timing;

/* The model called `name` (m0, m0plus, m3, m4, m55), NULL where there is none. */
const struct timing *timing_named(const char *name);

const char *timing_name(const struct timing *timing);

/* Cycles of `insn` after `previous` in a straight line, a branch not taken. */
unsigned timing_cost(const struct timing *timing, const struct insn *insn, const struct insn *previous);

/* Cycles added when the jump is taken. */
unsigned timing_taken(const struct timing *timing, enum jump jump);

#endif
