/* Raw bytes from the host, and results to it. */
#ifndef EW_TRANSFER_H
#define EW_TRANSFER_H
#include <stdint.h>

#include "ew_inference.h"

/* Next raw byte, or -1 after two seconds without one. */
int ew_await_byte(void);
/* Lines "m-ew-data-[<hex>]", then "m-ew-crc-[<CRC-32>]". */
void ew_put_data(const uint8_t *data, uint32_t bytes);
/* "m-ew-us-[…]" and "m-ew-cycles-[…]". */
void ew_put_time(const struct ew_time *time);

#endif
