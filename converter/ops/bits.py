"""Packed signs: 32 channels a word, bit i of word j is channel 32 j + i; 1 is +1, 0 is -1.

Bits past the last channel are 0 in activations and weights alike, so that their XOR counts nothing:

    sum over C channels of a * w = C - 2 * popcount(a xor w)
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from edgewright.converter.program import Shape, TensorType

WORD_BITS = 32
BITS_DTYPE = "uint32"


def words_of(channels: int) -> int:
    """Words that hold the signs of so many channels."""
    return -(-channels // WORD_BITS)


def bits_type(shape: Shape) -> TensorType:
    """Type of packed signs, by the (rows, columns, channels) of the signs."""
    rows, columns, channels = shape
    return TensorType((rows, columns, words_of(channels)), BITS_DTYPE)


def pack_bits(positive: npt.NDArray[np.bool_]) -> npt.NDArray[np.uint32]:
    """Booleans [..., C], true for +1 -> uint32 [..., ceil(C / 32)].

    >>> pack_bits(np.array([True, False, True])).tolist()
    [5]
    """
    channels = positive.shape[-1]
    missing = words_of(channels) * WORD_BITS - channels
    padded = np.pad(positive, [(0, 0)] * (positive.ndim - 1) + [(0, missing)])
    octets = np.packbits(padded, axis=-1, bitorder="little")
    return np.ascontiguousarray(octets).view("<u4").astype(np.uint32)


def unpack_signs(words: npt.NDArray[Any], channels: int) -> npt.NDArray[np.int8]:
    """uint32 [..., ceil(C / 32)] -> int8 [..., C] of -1 and +1.

    >>> unpack_signs(np.array([5], np.uint32), 3).tolist()
    [1, -1, 1]
    """
    octets = np.ascontiguousarray(words, "<u4").view(np.uint8)
    bits = np.unpackbits(octets, axis=-1, count=channels, bitorder="little")
    return (2 * bits.astype(np.int8) - 1).astype(np.int8)
