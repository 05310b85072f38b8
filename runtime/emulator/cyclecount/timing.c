/* Sources: Technical Reference Manuals, "Instruction set summary" (instruction timing tables):
 * Cortex-M0 (DDI 0432C, 3.3), Cortex-M0+ (DDI 0484C, 3.3), Cortex-M3 (DDI 0337, 3.3),
 * Cortex-M4 (DDI 0439, 3.3). Where a table gives a range, the choice and its reason stand beside it.
 * Arm publishes no such table for the M33 (its pipeline is close to the M4's), M7 and M55.
 * Not modelled: flash wait states and prefetch, bus contention, write-buffer stalls, unaligned
 * accesses, VFP result latency, fetch alignment of 32-bit branch targets.
 */
#include "timing.h"

#include <stddef.h>
#include <string.h>

struct timing {
    const char *name;
    unsigned load, store, store_reg; /* single loads and stores */
    unsigned mac, mul_long, mac_long, div;
    unsigned sys32;                       /* MRS, MSR, barriers */
    unsigned taken[JUMP_LOOP + 1];        /* pipeline refill by kind of jump */
    bool pipelined_loads, address_stalls; /* Cortex-M4 TRM 3.3.2: load/store timings */
    bool mve;                             /* the uncalibrated M55 model */
};

/*  jumps: none, branch, link, pop, load, table, loop */
static const struct timing models[] = {
    /* MUL: the single-cycle multiplier option (the small one takes 32). POP {pc} 4+N, BL 4, BX and B 3. */
    {"m0", 2, 2, 2, 1, 1, 1, 1, 4, {0, 2, 3, 3, 3, 3, 0}, false, false, false},
    {"m0plus", 2, 2, 2, 1, 1, 1, 1, 3, {0, 1, 2, 2, 2, 2, 0}, false, false, false},
    /* SMULL 3..5, SMLAL 4..7: the upper ends, since requantization multiplies full 32-bit words. */
    {"m3", 2, 1, 2, 2, 5, 7, 7, 2, {0, 2, 2, 2, 3, 3, 0}, true, true, false},
    /* Refill P of a taken branch is 1..3: 2. SDIV 2..12: 7. */
    {"m4", 2, 1, 2, 1, 1, 1, 7, 2, {0, 2, 2, 2, 3, 3, 0}, true, true, false},
    /* Rough: scalar 1, MVE 2 (two beats a cycle), a memory and an arithmetic MVE operation overlap. */
    {"m55", 1, 1, 1, 1, 1, 1, 7, 2, {0, 2, 2, 2, 3, 3, 0}, false, false, true},
};

const struct timing *timing_named(const char *name) {
    for (size_t i = 0; i < sizeof models / sizeof *models; i++)
        if (strcmp(models[i].name, name) == 0) return &models[i];
    return NULL;
}

const char *timing_name(const struct timing *timing) { return timing->name; }

unsigned timing_taken(const struct timing *timing, enum jump jump) { return timing->taken[jump]; }

static bool is_mve_memory(const struct insn *insn) {
    return insn->cls == CLASS_MVE_LOAD || insn->cls == CLASS_MVE_STORE;
}

static bool is_mve(const struct insn *insn) {
    return is_mve_memory(insn) || insn->cls == CLASS_MVE_ALU || insn->cls == CLASS_MVE_MAC;
}

static unsigned multiple(const struct timing *timing, unsigned words) {
    return timing->mve ? (words + 1) / 2 : 1 + words;
}

static unsigned base_cost(const struct timing *t, const struct insn *insn) {
    switch (insn->cls) {
    case CLASS_MAC: return t->mac;
    case CLASS_MUL_LONG: return t->mul_long;
    case CLASS_MAC_LONG: return t->mac_long;
    case CLASS_DIV: return t->div;
    case CLASS_LOAD: return t->load;
    case CLASS_STORE: return insn->reg_offset ? t->store_reg : t->store;
    case CLASS_LOAD_MULTI:
    case CLASS_STORE_MULTI:
    case CLASS_VFP_LOAD:
    case CLASS_VFP_STORE: return multiple(t, insn->accesses);
    case CLASS_CALL_RET: return insn->jump == JUMP_POP ? 1 + insn->accesses : insn->jump == JUMP_LOAD ? 2 : 1;
    case CLASS_TABLE_BRANCH: return 3;
    case CLASS_VFP_PAIR: return 2;
    case CLASS_VFP_MAC: return t->mve ? 1 : 3;
    case CLASS_VFP_DIV: return 14;
    case CLASS_LOOP_END: return t->mve ? 0 : 1;
    case CLASS_MVE_ALU:
    case CLASS_MVE_MAC:
    case CLASS_MVE_LOAD:
    case CLASS_MVE_STORE: return 2;
    case CLASS_SYS: return insn->size == 4 ? t->sys32 : 1;
    default: return 1;
    }
}

unsigned timing_cost(const struct timing *t, const struct insn *insn, const struct insn *previous) {
    unsigned cost = base_cost(t, insn);
    bool depends = (previous->written & insn->address) != 0;
    if (t->pipelined_loads && previous->single_load && insn->pipelines && !depends) cost--;
    if (t->address_stalls && previous->processing && depends) cost++;
    if (t->mve) {
        if (previous->single_load && !insn->single_load && depends) cost++;
        if (is_mve(insn) && is_mve(previous) && is_mve_memory(insn) != is_mve_memory(previous)) cost--;
    }
    return cost;
}
