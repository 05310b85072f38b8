/* Thumb-2, VFP and MVE instructions as far as their class and timing need: no operands are evaluated. */
#ifndef CYCLECOUNT_THUMB_H
#define CYCLECOUNT_THUMB_H

#include <stdbool.h>
#include <stdint.h>

#define INSN_CLASSES(X)                                                                                          \
    X(ALU) X(MUL) X(MAC) X(MUL_LONG) X(MAC_LONG) X(SIMD_MAC) X(SIMD_ALU) X(DIV) X(LOAD) X(LOAD_MULTI) X(STORE)    \
    X(STORE_MULTI) X(BRANCH_COND) X(BRANCH) X(CALL_RET) X(TABLE_BRANCH) X(LOOP_END) X(IT) X(VFP) X(VFP_PAIR)      \
    X(VFP_MAC) X(VFP_DIV) X(VFP_LOAD) X(VFP_STORE) X(MVE_ALU) X(MVE_MAC) X(MVE_LOAD) X(MVE_STORE) X(SYS)          \
    X(IT_MEM_SKIPPED)

enum insn_class {
#define X(name) CLASS_##name,
    INSN_CLASSES(X)
#undef X
    CLASS_COUNT
};

extern const char *const insn_class_name[CLASS_COUNT];

/* How an instruction may leave the straight line; each has its own cost when taken. */
enum jump { JUMP_NONE, JUMP_BRANCH, JUMP_LINK, JUMP_POP, JUMP_LOAD, JUMP_TABLE, JUMP_LOOP };

struct insn {
    enum insn_class cls;
    enum jump jump;
    unsigned size;      /* bytes: 2 or 4 */
    unsigned accesses;  /* data memory accesses (words) of one execution */
    uint32_t written;   /* core registers written by data processing or by a single load */
    uint32_t address;   /* core registers that form the address of a load or store */
    unsigned it_length; /* IT: number of conditional instructions that follow */
    bool single_load;   /* LDR: a load or store right after it may be pipelined */
    bool pipelines;     /* may be pipelined after a single load */
    bool processing;    /* data processing: its result has no short path to the address unit */
    bool reg_offset;    /* single store with a register offset */
};

/* Decodes the instruction at `code` (4 readable bytes). */
struct insn thumb_decode(const uint8_t *code);

#endif
