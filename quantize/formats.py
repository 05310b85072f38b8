"""Weights formats: how many values a weight may have, and the bits it takes in flash."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgewright.errors import UsageError


@dataclass(frozen=True)
class WeightsFormat:
    """A set of integers for weights: real = scale * integer, one scale for each output channel.

    Args:
        name: For options and reports.
        bits: Bits of a packed weight.
        levels: The integers, ascending and evenly spaced.
    """

    name: str
    bits: int
    levels: tuple[int, ...]

    @property
    def step(self) -> int:
        """Distance of neighbouring levels."""
        return self.levels[1] - self.levels[0]

    @property
    def largest(self) -> int:
        """The largest level."""
        return self.levels[-1]

    def nearest(self, steps: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """The level nearest to each element; halves between two levels go to the even multiple."""
        offset = self.levels[0] % self.step
        rounded = np.rint((steps - offset) / self.step) * self.step + offset
        return np.asarray(np.clip(rounded, self.levels[0], self.levels[-1]), np.float64)

    def packed_bytes(self, weights: int) -> int:
        """Bytes of so many packed weights."""
        return -(-weights * self.bits // 8)


FORMATS: dict[str, WeightsFormat] = {
    f.name: f
    for f in (
        WeightsFormat("int8", 8, tuple(range(-127, 128))),
        WeightsFormat("int4", 4, tuple(range(-7, 8))),
        WeightsFormat("int2", 2, (-3, -1, 1, 3)),
        WeightsFormat("ternary", 2, (-1, 0, 1)),
        WeightsFormat("binary", 1, (-1, 1)),
    )
}
"""By name, from fine to coarse."""


def format_of(name: str) -> WeightsFormat:
    """A format by its name.

    Raises:
        UsageError: EW-QUANT-FORMAT naming it.
    """
    if name not in FORMATS:
        raise UsageError(
            "EW-QUANT-FORMAT", f"there is no weights format {name!r}", f"one of {', '.join(FORMATS)}"
        )
    return FORMATS[name]
