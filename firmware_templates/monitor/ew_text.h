/* Formatting and parsing without libc, division or floats. */
#ifndef EW_TEXT_H
#define EW_TEXT_H
#include <stdint.h>

void ew_put(const char *text);
void ew_put_u64(uint64_t value);
void ew_put_hex8(uint8_t byte);
void ew_put_hex32(uint32_t word);
void ew_end_line(void); /* CR LF */

/* "<start><value>]" CR LF */
void ew_reply(const char *start, uint64_t value);
/* "e-[<text>]" CR LF */
void ew_error(const char *text);

/* Cut the next word off *cursor; 0 at the end. */
char *ew_word(char **cursor);
int ew_same(const char *a, const char *b);
/* Value of one hexadecimal digit, -1 for any other character. */
int ew_hex_digit(char c);
/* Decimal number up to 2^32 - 1 and nothing else; 0 if `text` is none (or is missing). */
int ew_parse_u32(const char *text, uint32_t *value);
/* Exactly eight hexadecimal digits. */
int ew_parse_hex32(const char *text, uint32_t *value);

#endif
