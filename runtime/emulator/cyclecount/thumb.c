#include "thumb.h"

const char *const insn_class_name[CLASS_COUNT] = {
#define X(name) #name,
    INSN_CLASSES(X)
#undef X
};

enum { PC = 15, NO_REGISTER = 16 };

/* Bits hi..lo of v. */
static unsigned bits(unsigned v, unsigned hi, unsigned lo) { return v >> lo & ((1u << (hi - lo + 1)) - 1); }

static unsigned popcount(unsigned v) { return (unsigned)__builtin_popcount(v); }

static uint32_t reg(unsigned number) { return number < PC ? 1u << number : 0; }

static void set_alu(struct insn *d, enum insn_class cls, unsigned destination) {
    d->cls = cls;
    d->processing = true;
    d->written = reg(destination);
}

static void set_branch(struct insn *d, enum insn_class cls, enum jump jump) {
    d->cls = cls;
    d->jump = jump;
}

static void set_single(struct insn *d, bool load, unsigned data, uint32_t address, bool reg_offset, bool writeback) {
    d->cls = load ? CLASS_LOAD : CLASS_STORE;
    d->accesses = 1;
    d->address = address;
    d->reg_offset = reg_offset;
    if (!load) {
        d->pipelines = reg_offset; /* STR [Rn, #imm] takes one cycle anyway */
    } else if (data == PC) {
        set_branch(d, CLASS_CALL_RET, JUMP_LOAD);
    } else {
        d->single_load = true;
        d->pipelines = !writeback;
        d->written = reg(data);
    }
}

static void set_multi(struct insn *d, bool load, unsigned words, uint32_t address, bool to_pc) {
    d->cls = load ? CLASS_LOAD_MULTI : CLASS_STORE_MULTI;
    d->accesses = words;
    d->address = address;
    if (load && to_pc) set_branch(d, CLASS_CALL_RET, JUMP_POP);
}

/* 010000xx: data processing on registers, special data processing, BX and BLX. */
static void decode_registers(unsigned h, struct insn *d) {
    if (!(h & 0x400)) {
        unsigned op = bits(h, 9, 6);
        bool compares = op == 8 || op == 10 || op == 11;
        set_alu(d, op == 13 ? CLASS_MUL : CLASS_ALU, compares ? NO_REGISTER : h & 7);
        return;
    }
    unsigned destination = (h & 7) | bits(h, 7, 7) << 3;
    switch (bits(h, 9, 8)) {
    case 3: set_branch(d, CLASS_CALL_RET, h & 0x80 ? JUMP_LINK : JUMP_BRANCH); break;
    case 1: set_alu(d, CLASS_ALU, NO_REGISTER); break;
    default:
        if (destination == PC) set_branch(d, CLASS_BRANCH, JUMP_BRANCH);
        else set_alu(d, CLASS_ALU, destination);
    }
}

/* 1011xxxx: stack, extension, compare-and-branch, IT, hints. */
static void decode_misc(unsigned h, struct insn *d) {
    unsigned op = bits(h, 11, 8);
    const uint32_t sp = reg(13);
    if (op == 0) set_alu(d, CLASS_ALU, 13);
    else if ((h & 0xF500) == 0xB100) set_branch(d, CLASS_BRANCH_COND, JUMP_BRANCH); /* CBZ, CBNZ */
    else if ((h & 0xFE00) == 0xB400) set_multi(d, false, popcount(h & 0x1FF), sp, false);
    else if ((h & 0xFE00) == 0xBC00) set_multi(d, true, popcount(h & 0x1FF), sp, h & 0x100);
    else if (op == 2 || op == 10) set_alu(d, CLASS_ALU, h & 7);
    else if (op == 15 && (h & 15)) {
        d->cls = CLASS_IT;
        d->it_length = h & 1 ? 4 : h & 2 ? 3 : h & 4 ? 2 : 1;
    } else d->cls = op == 15 ? CLASS_ALU : CLASS_SYS; /* NOP and hints; BKPT, CPS */
}

static void decode_16(unsigned h, struct insn *d) {
    unsigned op = h >> 11, low = h & 7, mid = bits(h, 10, 8);
    uint32_t base = reg(bits(h, 5, 3));
    if (op <= 3) set_alu(d, CLASS_ALU, low);
    else if (op == 5) set_alu(d, CLASS_ALU, NO_REGISTER); /* CMP #imm */
    else if (op <= 7) set_alu(d, CLASS_ALU, mid);
    else if (op == 8) decode_registers(h, d);
    else if (op == 9) set_single(d, true, mid, 0, false, false); /* literal */
    else if (op <= 11) set_single(d, bits(h, 11, 9) >= 3, low, base | reg(bits(h, 8, 6)), true, false);
    else if (op <= 17) set_single(d, op & 1, low, base, false, false);
    else if (op <= 19) set_single(d, op & 1, mid, reg(13), false, false);
    else if (op <= 21) set_alu(d, CLASS_ALU, mid); /* ADR, ADD Rd, SP */
    else if (op <= 23) decode_misc(h, d);
    else if (op <= 25) set_multi(d, op & 1, popcount(h & 0xFF), reg(mid), false);
    else if (op <= 27 && mid + (h & 0x800 ? 8 : 0) < 14) set_branch(d, CLASS_BRANCH_COND, JUMP_BRANCH);
    else if (op <= 27) d->cls = CLASS_SYS; /* UDF, SVC */
    else set_branch(d, CLASS_BRANCH, JUMP_BRANCH);
}

static bool is_mve_multiply(unsigned h, unsigned g) {
    if ((h & 0xEF80) == 0xEE80 && (g & 0x0F00) == 0x0E00 && (h & 0x70) == 0x70) return true; /* VMLADAV(A) */
    if ((h & 0xEF80) == 0xEE80 && (g & 0x0E01) == 0x0E00) return true;                       /* VMLALDAV */
    if ((h & 0xEF81) == 0xEE01 && (g & 0x1F50) == 0x0E40) return true;                       /* VMLA(S) scalar */
    return (h & 0xEF80) == 0xEF00 && (g & 0x0F50) == 0x0950;                                 /* VMUL */
}

/* 111x11xx: VFP (coprocessors 9 to 11) and MVE. */
static void decode_float(unsigned h, unsigned g, struct insn *d) {
    unsigned coprocessor = bits(g, 11, 8);
    bool vfp = coprocessor >= 9 && coprocessor <= 11;
    if ((h & 0xEE00) == 0xEC00 && vfp && !(h & 0x1000)) {
        if ((h & 0xFFE0) == 0xEC40) { /* VMOV of two core registers */
            d->cls = CLASS_VFP_PAIR;
            return;
        }
        bool single = bits(h, 8, 8) && !bits(h, 5, 5); /* VLDR, VSTR; else VLDM, VSTM, VPUSH, VPOP */
        d->accesses = single ? (coprocessor == 11 ? 2 : 1) : g & 0xFF;
        d->cls = h & 0x10 ? CLASS_VFP_LOAD : CLASS_VFP_STORE;
        d->address = reg(bits(h, 3, 0));
    } else if ((h & 0xEE00) == 0xEC00) { /* contiguous or gather/scatter */
        d->cls = h & 0x10 ? CLASS_MVE_LOAD : CLASS_MVE_STORE;
        d->accesses = 1;
    } else if ((h & 0xFF00) == 0xEE00 && vfp && !(g & 0x10)) { /* VFP data processing */
        unsigned op = bits(h, 7, 4) & 0xB;
        bool square_root = op == 11 && bits(h, 3, 0) == 1 && (g & 0xC0) == 0xC0;
        bool multiply_add = op == 0 || op == 1 || op == 9 || op == 10;
        d->cls = op == 8 || square_root ? CLASS_VFP_DIV : multiply_add ? CLASS_VFP_MAC : CLASS_VFP;
    } else if (((h & 0xFF00) == 0xEE00 && vfp) || ((h & 0xFF00) == 0xFE00 && vfp && !(g & 0x10))) {
        d->cls = CLASS_VFP; /* VMOV core to FP, VMRS; VSEL, VRINT, VMAXNM */
    } else {
        d->cls = is_mve_multiply(h, g) ? CLASS_MVE_MAC : CLASS_MVE_ALU;
    }
}

/* 1110100x: load/store multiple, dual, exclusive, table branch. */
static void decode_multiple(unsigned h, unsigned g, struct insn *d) {
    uint32_t base = reg(h & 15);
    if (!(h & 0x40)) {
        set_multi(d, h & 0x10, popcount(g), base, g & 0x8000);
    } else if ((h & 0xFFF0) == 0xE8D0 && (g & 0xFFE0) == 0xF000) {
        set_branch(d, CLASS_TABLE_BRANCH, JUMP_TABLE);
        d->accesses = 1;
    } else if (!(h & 0x120)) {
        set_single(d, h & 0x10, g >> 12, base, false, false); /* exclusive, TT */
    } else {
        set_multi(d, h & 0x10, 2, base, false); /* LDRD, STRD */
    }
}

/* 11110xxx: data processing with immediates, branches, system. */
static void decode_immediate(unsigned h, unsigned g, struct insn *d) {
    unsigned destination = bits(g, 11, 8);
    if (!(g & 0x8000)) set_alu(d, CLASS_ALU, destination == PC ? NO_REGISTER : destination);
    else if ((g & 0xD000) == 0xD000) set_branch(d, CLASS_CALL_RET, JUMP_LINK);         /* BL */
    else if ((g & 0xD000) == 0xC000) set_branch(d, CLASS_LOOP_END, JUMP_LOOP);         /* LE, WLS, DLS, LETP */
    else if (g & 0x1000) set_branch(d, CLASS_BRANCH, JUMP_BRANCH);                     /* B.W */
    else if (bits(h, 9, 7) != 7) set_branch(d, CLASS_BRANCH_COND, JUMP_BRANCH);        /* B<c>.W */
    else d->cls = (h & 0xFFF0) == 0xF3A0 && !(g & 0x07FF) ? CLASS_ALU : CLASS_SYS;     /* NOP.W; MRS, MSR, DMB */
}

static void decode_single(unsigned h, unsigned g, struct insn *d) {
    unsigned base = h & 15, data = g >> 12;
    bool immediate12 = h & 0x80, load = h & 0x10, literal = base == PC;
    bool reg_offset = !literal && !immediate12 && !(g & 0x0800);
    bool writeback = !literal && !immediate12 && (g & 0x0900) == 0x0900;
    if (load && data == PC && bits(h, 6, 5) != 2) {
        d->cls = CLASS_ALU; /* PLD, PLI */
        return;
    }
    set_single(d, load, data, reg(base) | (reg_offset ? reg(g & 15) : 0), reg_offset, writeback);
}

static void decode_multiply(unsigned h, unsigned g, struct insn *d) {
    unsigned op = bits(h, 6, 4), op2 = bits(g, 7, 4), high = bits(g, 11, 8), low = g >> 12;
    if (!(h & 0x80)) { /* 32-bit results; SMLAD, SMUAD, SMLSD, SMUSD are dual */
        bool dual = op == 2 || op == 4;
        set_alu(d, dual ? CLASS_SIMD_MAC : low == PC ? CLASS_MUL : CLASS_MAC, high);
    } else if ((op == 1 || op == 3) && op2 == 15) {
        set_alu(d, CLASS_DIV, high);
    } else { /* SMULL, UMULL, then accumulating; SMLALD and SMLSLD are dual */
        bool dual = (op == 4 || op == 5) && op2 >= 12;
        set_alu(d, dual ? CLASS_SIMD_MAC : op == 0 || op == 2 ? CLASS_MUL_LONG : CLASS_MAC_LONG, high);
        d->written |= reg(low);
    }
}

static void decode_32(unsigned h, unsigned g, struct insn *d) {
    if ((h & 0xEC00) == 0xEC00) decode_float(h, g, d);
    else if ((h & 0xFE00) == 0xE800) decode_multiple(h, g, d);
    else if ((h & 0xFE00) == 0xEA00) set_alu(d, CLASS_ALU, bits(g, 11, 8) == PC ? NO_REGISTER : bits(g, 11, 8));
    else if ((h & 0xF800) == 0xF000) decode_immediate(h, g, d);
    else if ((h & 0xFE00) == 0xF800) decode_single(h, g, d);
    else if ((h & 0xFF00) == 0xFA00)
        set_alu(d, (h & 0x80) && !(g & 0x80) ? CLASS_SIMD_ALU : CLASS_ALU, bits(g, 11, 8));
    else if ((h & 0xFF00) == 0xFB00) decode_multiply(h, g, d);
    else d->cls = CLASS_SYS;
}

struct insn thumb_decode(const uint8_t *code) {
    unsigned h = code[0] | (unsigned)code[1] << 8;
    struct insn d = {.cls = CLASS_ALU, .jump = JUMP_NONE, .size = h >> 11 >= 0x1D ? 4 : 2};
    if (d.size == 4) decode_32(h, code[2] | (unsigned)code[3] << 8, &d);
    else decode_16(h, &d);
    return d;
}
