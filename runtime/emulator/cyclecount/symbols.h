/* Function symbols of an ELF32 little-endian file: marker names to addresses, addresses to functions. */
#ifndef CYCLECOUNT_SYMBOLS_H
#define CYCLECOUNT_SYMBOLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct symbol {
    uint32_t address; /* without the Thumb bit */
    uint32_t size;    /* bytes; 0 where the assembler gave none */
    const char *name;
    uint64_t instructions, cycles; /* filled by the report */
};

struct symbol_table {
    struct symbol *symbols; /* sorted by address */
    size_t count;
};

/* Reads the function symbols; false where the file is not an ELF32 with a symbol table. */
bool symbols_load(struct symbol_table *table, const char *path);

/* The function that holds `address`, or NULL. */
struct symbol *symbols_at(const struct symbol_table *table, uint32_t address);

/* The function called `name`, or NULL. */
const struct symbol *symbols_named(const struct symbol_table *table, const char *name);

#endif
