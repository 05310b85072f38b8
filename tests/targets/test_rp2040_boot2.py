"""The checksum that the RP2040's boot ROM wants over its second boot stage."""

from __future__ import annotations

import pytest

from edgewright.errors import WorkError
from edgewright.targets.rp2040_boot2 import checked_boot2, crc32_mpeg2


def test_check_value_of_the_catalogue():
    """CRC-32/MPEG-2 of "123456789" is 0x0376E6E7."""
    assert crc32_mpeg2(b"123456789") == 0x0376E6E7


def test_padded_and_checked():
    block = checked_boot2(b"\x01\x02")
    assert len(block) == 256
    assert block[:252] == b"\x01\x02" + bytes(250)
    assert crc32_mpeg2(block[:252]).to_bytes(4, "little") == block[252:]
    # The checksum of data and its own (big endian) checksum is 0.
    assert crc32_mpeg2(block[:252] + block[252:][::-1]) == 0


def test_too_long():
    checked_boot2(bytes(252))
    with pytest.raises(WorkError) as error:
        checked_boot2(bytes(253))
    assert error.value.code == "EW-TOOLCHAIN-BOOT2" and "253" in error.value.message
