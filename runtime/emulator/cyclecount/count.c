/* cyclecount: a QEMU TCG plugin that counts instructions and estimated cycles of bare-metal Cortex-M
 * code between marker functions.
 *
 *   -plugin cyclecount.so,elf=app.elf,model=m4,series=counts.jsonl,pair=run:run_start:run_stop
 *
 * elf=     the firmware (ELF32), for the markers' addresses and the report's function table
 * pair=    NAME:START:STOP, functions; may be given several times (at most 8); pairs may nest.
 *          Counting runs from the block at START to the block at STOP: the body of START counts.
 * maybe=   the same, for functions that the firmware may not have
 * series=  file that gets one JSON line for each START..STOP passage, in order, flushed at once, so
 *          that nothing depends on how QEMU ends
 * report=  file for totals by instruction class and function, written when QEMU exits
 * model=   m0 | m0plus | m3 | m4 | m55 | none (instructions only)
 *
 * How it counts. Each translation block is decoded once, when QEMU translates it. At run time one
 * callback a block adds up its instructions and straight-line cycles; whether its final branch was
 * taken is known from the address of the block that follows. Loads and stores inside IT blocks are
 * charged in full only when their memory callback fires, that is, when the condition held.
 * Limits: one CPU; interrupts inside a passage count; markers must be entered by a call.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "qemu_plugin.h"
#include "symbols.h"
#include "thumb.h"
#include "timing.h"

PLUGIN_EXPORT int qemu_plugin_version = QEMU_PLUGIN_API;

enum { MAX_PAIRS = 8, TOP_FUNCTIONS = 30 };

struct pair {
    const char *name;
    uint32_t start, stop;
    bool open;
    uint64_t first_instruction, first_cycle; /* counters when it opened */
    uint64_t passages;
};

struct conditional_access { /* a load or store in an IT block */
    struct conditional_access *next;
    uint64_t events;
    unsigned accesses, extra_cycles;
    enum insn_class cls;
};

struct part { /* the instructions of a block that belong to one function */
    struct symbol *function;
    uint32_t instructions, cycles;
};

struct block {
    struct block *next;
    uint32_t address, end;
    uint32_t instructions, cycles, taken_cycles;
    bool jumps;
    bool marks; /* a marker's entry */
    uint64_t executed, taken;
    uint16_t classes[CLASS_COUNT];
    struct conditional_access *conditional;
    struct part *parts;
    unsigned part_count;
};

static struct pair pairs[MAX_PAIRS];
static unsigned pair_count, open_pairs;
static const struct timing *timing; /* NULL: no cycles */
static struct symbol_table symbols;
static FILE *series;
static const char *report_path;

static struct block *blocks;
static struct block *previous_block; /* the one just executed, while counting */
static uint64_t instructions, cycles;

static void *allocate(size_t count, size_t size) {
    void *memory = calloc(count, size);
    if (!memory) {
        fprintf(stderr, "cyclecount: out of memory\n");
        abort();
    }
    return memory;
}

/* ---- counting ---- */

static void write_passage(const struct pair *pair) {
    if (!series) return;
    fprintf(series, "{\"pair\": \"%s\", \"index\": %" PRIu64 ", \"instructions\": %" PRIu64 ", \"cycles\": ", pair->name,
            pair->passages, instructions - pair->first_instruction);
    if (timing) fprintf(series, "%" PRIu64 "}\n", cycles - pair->first_cycle);
    else fprintf(series, "null}\n");
    fflush(series);
}

static void at_marker(uint32_t address) {
    for (unsigned i = 0; i < pair_count; i++) {
        struct pair *pair = &pairs[i];
        if (address == pair->start) { /* again without a stop: the device restarted, count anew */
            open_pairs += !pair->open;
            pair->open = true;
            pair->first_instruction = instructions;
            pair->first_cycle = cycles;
        } else if (address == pair->stop && pair->open) {
            open_pairs--;
            pair->open = false;
            write_passage(pair);
            pair->passages++;
        }
    }
}

static void on_block(unsigned vcpu, void *data) {
    (void)vcpu;
    struct block *block = data;
    if (previous_block && previous_block->jumps && block->address != previous_block->end) {
        previous_block->taken++;
        cycles += previous_block->taken_cycles;
    }
    previous_block = NULL;
    if (block->marks) at_marker(block->address);
    if (!open_pairs) return;
    block->executed++;
    instructions += block->instructions;
    cycles += block->cycles;
    previous_block = block;
}

static void on_conditional_access(unsigned vcpu, uint32_t info, uint64_t address, void *data) {
    (void)vcpu, (void)info, (void)address;
    struct conditional_access *access = data;
    if (open_pairs && access->events++ % access->accesses == 0) cycles += access->extra_cycles;
}

/* ---- translation ---- */

static struct insn decode(struct qemu_plugin_insn *handle) {
    uint8_t code[4] = {0};
#if QEMU_PLUGIN_API >= 3
    qemu_plugin_insn_data(handle, code, sizeof code);
#else
    /* At a page end QEMU 7.2 appends the peeked next halfword: its size is not the instruction's. */
    size_t size = qemu_plugin_insn_size(handle);
    memcpy(code, qemu_plugin_insn_data(handle), size < sizeof code ? size : sizeof code);
#endif
    return thumb_decode(code);
}

static void watch_conditional(struct block *block, struct qemu_plugin_insn *handle, const struct insn *insn,
                              unsigned cost) {
    struct conditional_access *access = allocate(1, sizeof *access);
    *access = (struct conditional_access){.next = block->conditional,
                                          .accesses = insn->accesses,
                                          .extra_cycles = cost > 1 ? cost - 1 : 0,
                                          .cls = insn->cls};
    block->conditional = access;
    qemu_plugin_register_vcpu_mem_cb(handle, on_conditional_access, CALLBACK_NO_REGISTERS, MEMORY_READ_WRITE, access);
}

static void add_to_function(struct block *block, uint32_t address, unsigned cost) {
    struct symbol *function = symbols_at(&symbols, address);
    if (!block->part_count || block->parts[block->part_count - 1].function != function)
        block->parts[block->part_count++] = (struct part){.function = function};
    block->parts[block->part_count - 1].instructions++;
    block->parts[block->part_count - 1].cycles += cost;
}

static void warn_if_marker(uint32_t address) {
    for (unsigned i = 0; i < pair_count; i++)
        if (address == pairs[i].start || address == pairs[i].stop)
            fprintf(stderr, "cyclecount: marker 0x%" PRIx32 " is reached without a call, not seen here\n", address);
}

static void on_translate(plugin_id id, struct qemu_plugin_tb *handle) {
    (void)id;
    struct block *block = allocate(1, sizeof *block);
    size_t n = qemu_plugin_tb_n_insns(handle);
    struct insn previous = {0};
    unsigned conditional = 0; /* instructions left in the current IT block */
    block->next = blocks;
    blocks = block;
    block->instructions = (uint32_t)n;
    block->parts = allocate(n, sizeof *block->parts);
    for (size_t i = 0; i < n; i++) {
        struct qemu_plugin_insn *insn_handle = qemu_plugin_tb_get_insn(handle, i);
        uint32_t address = (uint32_t)qemu_plugin_insn_vaddr(insn_handle);
        struct insn insn = decode(insn_handle);
        unsigned cost = timing ? timing_cost(timing, &insn, &previous) : 0;
        if (i == 0) block->address = address;
        else warn_if_marker(address);
        block->end = address + insn.size;
        if (conditional && insn.accesses && insn.jump == JUMP_NONE) {
            watch_conditional(block, insn_handle, &insn, cost);
            cost = timing ? 1 : 0;
            block->classes[CLASS_IT_MEM_SKIPPED]++;
        } else {
            block->classes[insn.cls]++;
        }
        if (conditional) conditional--;
        if (insn.it_length) conditional = insn.it_length;
        block->cycles += cost;
        block->jumps = insn.jump != JUMP_NONE;
        block->taken_cycles = timing ? timing_taken(timing, insn.jump) : 0;
        add_to_function(block, address, cost);
        previous = insn;
    }
    for (unsigned i = 0; i < pair_count; i++)
        block->marks |= block->address == pairs[i].start || block->address == pairs[i].stop;
    qemu_plugin_register_vcpu_tb_exec_cb(handle, on_block, CALLBACK_NO_REGISTERS, block);
}

/* ---- totals ---- */

static int by_cost(const void *a, const void *b) {
    const struct symbol *x = a, *y = b;
    uint64_t left = x->cycles ? x->cycles : x->instructions, right = y->cycles ? y->cycles : y->instructions;
    return left < right ? 1 : left > right ? -1 : 0;
}

static void add_block(const struct block *block, uint64_t classes[CLASS_COUNT]) {
    for (int c = 0; c < CLASS_COUNT; c++) classes[c] += block->classes[c] * block->executed;
    for (unsigned i = 0; i < block->part_count; i++) {
        struct symbol *function = block->parts[i].function;
        if (!function) continue;
        function->instructions += block->executed * block->parts[i].instructions;
        function->cycles += block->executed * block->parts[i].cycles;
        if (i == block->part_count - 1) function->cycles += block->taken * block->taken_cycles;
    }
    for (const struct conditional_access *a = block->conditional; a; a = a->next) {
        uint64_t happened = a->events / a->accesses;
        classes[CLASS_IT_MEM_SKIPPED] -= happened;
        classes[a->cls] += happened;
        if (block->part_count && block->parts[0].function) block->parts[0].function->cycles += happened * a->extra_cycles;
    }
}

static void on_exit_report(plugin_id id, void *data) {
    (void)id, (void)data;
    FILE *file = report_path ? fopen(report_path, "w") : NULL;
    if (!file) return;
    uint64_t classes[CLASS_COUNT] = {0};
    for (const struct block *block = blocks; block; block = block->next) add_block(block, classes);
    fprintf(file, "model %s\ninstructions %" PRIu64 "\ncycles %" PRIu64 "\n", timing ? timing_name(timing) : "none",
            instructions, cycles);
    for (unsigned i = 0; i < pair_count; i++) fprintf(file, "pair %s %" PRIu64 "\n", pairs[i].name, pairs[i].passages);
    for (int c = 0; c < CLASS_COUNT; c++)
        if (classes[c]) fprintf(file, "class %s %" PRIu64 "\n", insn_class_name[c], classes[c]);
    qsort(symbols.symbols, symbols.count, sizeof *symbols.symbols, by_cost);
    for (size_t i = 0; i < symbols.count && i < TOP_FUNCTIONS && symbols.symbols[i].instructions; i++)
        fprintf(file, "function %s %" PRIu64 " %" PRIu64 "\n", symbols.symbols[i].name, symbols.symbols[i].instructions,
                symbols.symbols[i].cycles);
    fclose(file);
}

/* ---- set-up ---- */

static bool refuse(const char *what, const char *value) {
    fprintf(stderr, "cyclecount: %s '%s'\n", what, value);
    return false;
}

static bool add_pair(char *text, bool required) {
    char *start = strchr(text, ':'), *stop = start ? strchr(start + 1, ':') : NULL;
    if (!stop || pair_count == MAX_PAIRS) return refuse("not NAME:START:STOP, or too many pairs:", text);
    *start++ = 0;
    *stop++ = 0;
    const struct symbol *first = symbols_named(&symbols, start), *last = symbols_named(&symbols, stop);
    if (!required && (!first || !last)) return true;
    if (!first || !last) return refuse("the ELF file has no function", first ? stop : start);
    pairs[pair_count++] = (struct pair){.name = text, .start = first->address, .stop = last->address};
    return true;
}

static bool set_option(const char *key, char *value) {
    if (strcmp(key, "elf") == 0) return symbols_load(&symbols, value) || refuse("cannot read symbols of", value);
    if (strcmp(key, "pair") == 0) return add_pair(value, true);
    if (strcmp(key, "maybe") == 0) return add_pair(value, false);
    if (strcmp(key, "report") == 0) {
        report_path = value;
        return true;
    }
    if (strcmp(key, "series") == 0) {
        series = fopen(value, "w");
        return series || refuse("cannot write", value);
    }
    if (strcmp(key, "model") == 0) {
        timing = timing_named(value);
        return timing || strcmp(value, "none") == 0 || refuse("no such cycle model", value);
    }
    return refuse("no such option", key);
}

/* elf= has to come before pair= and maybe=. */
static bool set_up(const plugin_info *info, int argc, char **argv) {
    if (strcmp(info->target_name, "arm") != 0) return refuse("not a Cortex-M emulator:", info->target_name);
    if (info->system.max_vcpus > 1) return refuse("more than one CPU:", info->target_name);
    for (int i = 0; i < argc; i++) {
        char *option = strdup(argv[i]), *equals = option ? strchr(option, '=') : NULL; /* values are kept */
        if (!equals) return refuse("not KEY=VALUE:", argv[i]);
        *equals = 0;
        if (!set_option(option, equals + 1)) return false;
    }
    return pair_count || refuse("needs at least one", "pair=NAME:START:STOP");
}

PLUGIN_EXPORT int qemu_plugin_install(plugin_id id, const plugin_info *info, int argc, char **argv) {
    if (!set_up(info, argc, argv)) return -1;
    qemu_plugin_register_vcpu_tb_trans_cb(id, on_translate);
    qemu_plugin_register_atexit_cb(id, on_exit_report, NULL);
    return 0;
}
