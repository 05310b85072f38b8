"""The RP2040's second boot stage as 256 bytes of data with the checksum that the boot ROM asks for."""

from __future__ import annotations

from edgewright.errors import WorkError

BOOT2_BYTES = 256
CODE_BYTES = BOOT2_BYTES - 4


def crc32_mpeg2(data: bytes) -> int:
    """CRC-32 with polynomial 0x04C11DB7, initial value 0xFFFFFFFF, nothing reflected or inverted.

    (RP2040 datasheet, chapter 2.8.1.3.1.)
    """
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte << 24
        for _ in range(8):
            crc = (crc << 1 ^ 0x04C11DB7 if crc & 0x80000000 else crc << 1) & 0xFFFFFFFF
    return crc


def checked_boot2(code: bytes) -> bytes:
    """Code padded to 252 bytes, and its checksum, little endian.

    Raises:
        WorkError: EW-TOOLCHAIN-BOOT2 where the code is too long.
    """
    if len(code) > CODE_BYTES:
        raise WorkError(
            "EW-TOOLCHAIN-BOOT2", f"the second boot stage has {len(code)} bytes, at most {CODE_BYTES} fit"
        )
    padded = code.ljust(CODE_BYTES, b"\0")
    return padded + crc32_mpeg2(padded).to_bytes(4, "little")


def boot2_source(code: bytes) -> str:
    """C source of the section .boot2."""
    values = ",".join(str(b) for b in checked_boot2(code))
    return (
        "#include <stdint.h>\n"
        "extern const uint8_t ew_boot2[256];\n"
        f'__attribute__((section(".boot2"), used)) const uint8_t ew_boot2[256] = {{{values}}};\n'
    )
