"""Formats of stored weights: int8, or codes of 4, 2 or 1 bits that are packed in flash.

A packed weight is a code of few bits, and w = step * code + offset:

| format  | bits | weights        | step | offset |
|---------|------|----------------|------|--------|
| int4    | 4    | -8 .. 7        | 1    | -8     |
| int2    | 2    | -3, -1, 1, 3   | 2    | -3     |
| ternary | 2    | -1, 0, 1       | 1    | -1     |
| binary  | 1    | -1, 1          | 2    | -1     |

So sum x * w = step * sum x * code + offset * sum x, where the last sum is the same for all output channels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgewright.converter.program import Array
from edgewright.errors import ModelError


@dataclass(frozen=True)
class WeightFormat:
    """How weights are stored.

    Args:
        name: What users call it.
        bits: Bits of a weight in flash.
        levels: Number of codes.
        step, offset: w = step * code + offset.
    """

    name: str
    bits: int
    levels: int
    step: int
    offset: int

    @property
    def packed(self) -> bool:
        """Whether a weight takes less than a byte."""
        return self.bits < 8

    def holds(self, weights: Array) -> bool:
        """Whether every weight is one of the format's."""
        codes = weights.astype(np.int16) - self.offset
        return not codes.size or bool(
            codes.min() >= 0 and codes.max() < self.levels * self.step and not (codes % self.step).any()
        )

    def codes(self, weights: Array) -> npt.NDArray[np.uint8]:
        """(weights - offset) / step: uint8 of the same shape."""
        return ((weights.astype(np.int16) - self.offset) // self.step).astype(np.uint8)

    def size_bytes(self, count: int) -> int:
        """Bytes of so many weights, without padding."""
        return -(-count * self.bits // 8)


INT8 = WeightFormat("int8", 8, 256, 1, -128)
INT4 = WeightFormat("int4", 4, 16, 1, -8)
INT2 = WeightFormat("int2", 2, 4, 2, -3)
TERNARY = WeightFormat("ternary", 2, 3, 1, -1)
BINARY = WeightFormat("binary", 1, 2, 2, -1)
WEIGHT_FORMATS = {f.name: f for f in (INT8, INT4, INT2, TERNARY, BINARY)}


def weight_format(name: str) -> WeightFormat:
    """The format of a name.

    Raises:
        ModelError: EW-OP-WEIGHTS where there is none.
    """
    if name not in WEIGHT_FORMATS:
        raise ModelError(
            "EW-OP-WEIGHTS", f"no weight format is called {name!r}", f"there are: {', '.join(WEIGHT_FORMATS)}"
        )
    return WEIGHT_FORMATS[name]


def check_format(weights: Array, name: str) -> None:
    """Weights are among those of the format.

    Raises:
        ModelError: EW-OP-WEIGHTS.
    """
    wanted = weight_format(name)
    if wanted.packed and not wanted.holds(weights):
        raise ModelError(
            "EW-OP-WEIGHTS",
            f"weights {int(weights.min())} .. {int(weights.max())} are not all {name} "
            f"(there are {wanted.levels} of them, {wanted.step} apart, from {wanted.offset} on)",
        )


def narrowest_format(weights: Array) -> WeightFormat:
    """The format of the fewest bits that holds all weights; of two bits ternary before int2."""
    return next(f for f in (BINARY, TERNARY, INT2, INT4, INT8) if f.holds(weights))
