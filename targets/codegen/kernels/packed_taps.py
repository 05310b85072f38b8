"""Packed weights of depthwise convolutions: few, so they are unpacked to int8 right before they are used."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from edgewright.converter.ops.weight_format import WeightFormat


def pack_taps(weights: npt.NDArray[np.int8], stored: WeightFormat) -> npt.NDArray[Any]:
    """int8 [blocks, count], count a multiple of 4, as `ew_packed_unpack<bits>` reads them.

    Returns:
        uint16 [blocks, count / 4] for 4 bits, uint8 [blocks, count / 4] for 2 bits, uint8 [blocks, count / 8
        rounded up] for 1 bit, and the weights themselves for 8.
    """
    if not stored.packed:
        return np.ascontiguousarray(weights)
    blocks, count = weights.shape
    a_word = 8 if stored.bits == 1 else 4
    codes = np.zeros((blocks, -(-count // a_word) * a_word), np.uint16)
    codes[:, :count] = stored.codes(weights)
    shifts = np.arange(a_word, dtype=np.uint16) * stored.bits
    words = np.bitwise_or.reduce(codes.reshape(blocks, -1, a_word) << shifts, axis=2)
    return np.ascontiguousarray(words.astype(np.uint16 if stored.bits == 4 else np.uint8))


def unpack_arguments(stored: WeightFormat, source: str, target: str, count: int) -> str:
    """Arguments of the function that unpacks `count` weights: its name is `ew_packed_unpack<bits>`."""
    return f"{source}, {target}, {count // 4}, {stored.step}, {stored.offset}"
