"""Weights formats as quantization uses them: symmetric levels of what the compiler stores."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgewright.converter.ops.weight_format import WEIGHT_FORMATS, WeightFormat
from edgewright.errors import UsageError


@dataclass(frozen=True)
class WeightsFormat:
    """A set of integers for weights: real = scale * integer, one scale for each output channel.

    Args:
        stored: The compiler's format.
        levels: The integers, ascending and evenly spaced, as many below zero as above.
    """

    stored: WeightFormat
    levels: tuple[int, ...]

    @classmethod
    def of(cls, stored: WeightFormat) -> WeightsFormat:
        """A stored format without its lowest level where that has no counterpart (-128, -8)."""
        levels = [stored.step * code + stored.offset for code in range(stored.levels)]
        return cls(stored, tuple(level for level in levels if -level in levels))

    @property
    def name(self) -> str:
        """For options and reports."""
        return self.stored.name

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
        return self.stored.size_bytes(weights)


FORMATS = {name: WeightsFormat.of(stored) for name, stored in WEIGHT_FORMATS.items()}
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
