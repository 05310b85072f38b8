#include "symbols.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SECTION_SYMTAB = 2, SYMBOL_FUNCTION = 2, ELF_HEADER_BYTES = 52, SECTION_BYTES = 40, SYMBOL_BYTES = 16 };
enum { MAX_ELF_BYTES = 256 << 20 };

struct image {
    const uint8_t *data;
    size_t size;
};

static uint32_t u32(const uint8_t *p) {
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static uint16_t u16(const uint8_t *p) { return (uint16_t)(p[0] | p[1] << 8); }

/* `bytes` bytes at `offset`, or NULL where they reach over the end of the file. */
static const uint8_t *at(const struct image *image, uint64_t offset, uint64_t bytes) {
    return offset <= image->size && bytes <= image->size - offset ? image->data + offset : NULL;
}

static bool read_file(struct image *image, const char *path) {
    FILE *file = fopen(path, "rb");
    if (!file) return false;
    long length = fseek(file, 0, SEEK_END) == 0 ? ftell(file) : -1;
    uint8_t *data = length > 0 && length <= MAX_ELF_BYTES ? malloc((size_t)length + 1) : NULL;
    bool ok = data && fseek(file, 0, SEEK_SET) == 0 && fread(data, 1, (size_t)length, file) == (size_t)length;
    fclose(file);
    if (!ok) {
        free(data);
        return false;
    }
    data[length] = 0; /* so that a name at the very end is terminated */
    *image = (struct image){data, (size_t)length};
    return true;
}

static int by_address(const void *a, const void *b) {
    const struct symbol *x = a, *y = b;
    return x->address < y->address ? -1 : x->address > y->address;
}

static bool read_symtab(struct symbol_table *table, const struct image *image, const uint8_t *section,
                        const uint8_t *strings_section) {
    uint32_t bytes = u32(section + 20), strings_bytes = u32(strings_section + 20);
    const uint8_t *entries = at(image, u32(section + 16), bytes);
    const uint8_t *strings = at(image, u32(strings_section + 16), strings_bytes);
    if (!entries || !strings) return false;
    size_t n = bytes / SYMBOL_BYTES;
    table->symbols = calloc(n + 1, sizeof *table->symbols);
    if (!table->symbols) return false;
    for (size_t i = 0; i < n; i++) {
        const uint8_t *s = entries + i * SYMBOL_BYTES;
        if ((s[12] & 15) != SYMBOL_FUNCTION || u32(s) >= strings_bytes) continue;
        struct symbol *symbol = &table->symbols[table->count++];
        symbol->address = u32(s + 4) & ~1u;
        symbol->size = u32(s + 8);
        symbol->name = (const char *)strings + u32(s);
    }
    qsort(table->symbols, table->count, sizeof *table->symbols, by_address);
    return table->count > 0;
}

bool symbols_load(struct symbol_table *table, const char *path) {
    struct image image; /* kept for good: names point into it */
    if (!read_file(&image, path)) return false;
    const uint8_t *header = at(&image, 0, ELF_HEADER_BYTES);
    if (!header || memcmp(header, "\177ELF\1\1", 6) != 0 || u16(header + 46) != SECTION_BYTES) return false;
    unsigned sections = u16(header + 48);
    const uint8_t *first = at(&image, u32(header + 32), (uint64_t)sections * SECTION_BYTES);
    if (!first) return false;
    for (unsigned i = 0; i < sections; i++) {
        const uint8_t *section = first + (size_t)i * SECTION_BYTES;
        uint32_t link = u32(section + 24);
        if (u32(section + 4) == SECTION_SYMTAB && link < sections)
            return read_symtab(table, &image, section, first + (size_t)link * SECTION_BYTES);
    }
    return false;
}

struct symbol *symbols_at(const struct symbol_table *table, uint32_t address) {
    size_t low = 0, high = table->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (table->symbols[middle].address <= address) low = middle + 1;
        else high = middle;
    }
    while (low-- > 0) { /* aliases share an address: take the first whose size reaches here */
        struct symbol *s = &table->symbols[low];
        if (address - s->address < (s->size ? s->size : 2)) return s;
        if (address - s->address > 0x10000) break;
    }
    return NULL;
}

const struct symbol *symbols_named(const struct symbol_table *table, const char *name) {
    for (size_t i = 0; i < table->count; i++)
        if (strcmp(table->symbols[i].name, name) == 0) return &table->symbols[i];
    return NULL;
}
