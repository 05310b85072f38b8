"""Smallest and largest reachable value of every element of a tensor, and operations on them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from edgewright.converter.program import Array, Shape, TensorType

if TYPE_CHECKING:
    from edgewright.converter.ops.base import OpKind

RANGES = {"int8": (-128, 127), "uint8": (0, 255)}
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Reach:
    """low <= x <= high for every input of the program, element by element.

    Elements differ where a window reaches over the border of its input: the border sees zero points.

    Args:
        low: int16 [H, W, C].
        high: int16 [H, W, C].
    """

    low: npt.NDArray[np.int16]
    high: npt.NDArray[np.int16]

    @classmethod
    def of(cls, low: npt.NDArray[Any], high: npt.NDArray[Any]) -> Reach:
        """From arrays of any integer type."""
        return cls(np.asarray(low, np.int16), np.asarray(high, np.int16))

    @classmethod
    def between(cls, low: int, high: int, shape: Shape) -> Reach:
        """The same bounds for every element."""
        return cls(*(np.broadcast_to(np.int16(bound), shape) for bound in (low, high)))

    @classmethod
    def everything(cls, tensor: TensorType) -> Reach | None:
        """The whole range of a type; None where it is not int8 or uint8."""
        bounds = RANGES.get(tensor.dtype)
        return None if bounds is None else cls.between(*bounds, tensor.shape)

    @classmethod
    def exactly(cls, data: Array) -> Reach | None:
        """A constant tensor; None where it is not int8 or uint8."""
        return cls.of(data, data) if data.dtype.name in RANGES else None

    def joined(self) -> Reach:
        """The same bounds at all positions: those that hold everywhere."""
        low, high = self.low.min((0, 1)), self.high.max((0, 1))
        return Reach(np.broadcast_to(low, self.low.shape), np.broadcast_to(high, self.high.shape))

    @property
    def constant_channels(self) -> Mask:
        """[C]: channels with a single value, the same at all positions."""
        return np.asarray(self.low.min((0, 1)) == self.high.max((0, 1)))

    @property
    def channel_values(self) -> npt.NDArray[np.int64]:
        """[C]: the value of constant channels; of others some value."""
        return np.asarray(self.low[0, 0], np.int64)


def monotone_reach(op: OpKind, *inputs: Reach) -> Reach:
    """Of an op whose every output element never falls when an input element rises."""
    return Reach.of(op.golden(*(x.low for x in inputs)), op.golden(*(x.high for x in inputs)))


def stays_int32(limit: npt.ArrayLike, shift: npt.ArrayLike) -> Mask:
    """Whether |x| <= limit shifted left by `shift` cannot wrap: only then is its scaling monotone."""
    left = np.maximum(np.asarray(shift, np.int64), 0)
    return np.asarray(np.asarray(limit, np.int64) < (np.int64(2**31) >> np.minimum(left, 31)))
