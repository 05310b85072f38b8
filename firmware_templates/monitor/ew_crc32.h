/* CRC-32 as in zlib: start with 0, feed in pieces. */
#ifndef EW_CRC32_H
#define EW_CRC32_H
#include <stdint.h>

static inline uint32_t ew_crc32(uint32_t crc, uint8_t byte) {
  /* Table of 16 entries: a quarter of the time of bit by bit, 1/16 of the usual table. */
  static const uint32_t table[16] = {0x00000000u, 0x1db71064u, 0x3b6e20c8u, 0x26d930acu, 0x76dc4190u, 0x6b6b51f4u,
                                     0x4db26158u, 0x5005713cu, 0xedb88320u, 0xf00f9344u, 0xd6d6a3e8u, 0xcb61b38cu,
                                     0x9b64c2b0u, 0x86d3d2d4u, 0xa00ae278u, 0xbdbdf21cu};
  crc = ~crc ^ byte;
  crc = (crc >> 4) ^ table[crc & 15u];
  crc = (crc >> 4) ^ table[crc & 15u];
  return ~crc;
}

#endif
