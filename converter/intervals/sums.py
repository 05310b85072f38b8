"""Reach of sums with int8 weights: convolutions, depthwise convolutions, fully connected layers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from edgewright.converter.intervals.reach import Reach, stays_int32
from edgewright.converter.ops.conv2d import Conv2D
from edgewright.converter.ops.depthwise import DepthwiseConv2D
from edgewright.converter.ops.fixed_point import (
    INT32_MAX,
    INT32_MIN,
    Int64Array,
    multiply_by_quantized_multiplier,
    multiply_once,
)
from edgewright.converter.ops.window import output_size

if TYPE_CHECKING:
    from edgewright.converter.ops.fully_connected import FullyConnected
    from edgewright.converter.ops.requantize import Requantize

IndexArray = npt.NDArray[np.intp]
FloatArray = npt.NDArray[np.float64]

MOST_TAPS = 1 << 23
"""Elements of all windows that differ; with more, positions of the input are no longer told apart."""


@dataclass(frozen=True, eq=False)
class Bounds:
    """Smallest and largest sum [..., O], the bias not included."""

    low: Int64Array
    high: Int64Array

    def requantized(self, requantize: Requantize, *, twice: bool) -> tuple[Int64Array, Int64Array]:
        """Smallest and largest result before the clamp; all of int32 where a sum may wrap."""
        low, high = self.low + requantize.bias, self.high + requantize.bias
        shift = requantize.shift.astype(np.int64)
        scale = multiply_by_quantized_multiplier if twice else multiply_once
        zero = requantize.output.zero_point
        limit = np.maximum(np.abs(low), np.abs(high))
        safe = (limit <= INT32_MAX) & (stays_int32(limit, shift) if twice else True)
        results = (scale(np.where(safe, x, 0), requantize.multiplier, shift) + zero for x in (low, high))
        first, last = results
        return np.where(safe, first, INT32_MIN), np.where(safe, last, INT32_MAX)

    def reach(self, requantize: Requantize, *, twice: bool) -> Reach:
        """Of the results."""
        low, high = self.requantized(requantize, twice=twice)
        return Reach.of(np.clip(low, *requantize.clamp), np.clip(high, *requantize.clamp))


@dataclass(frozen=True, eq=False)
class Windows:
    """Bounds of what windows see, minus the zero point; those that see the same are one kind.

    Inside a tensor all windows are of one kind, so there are few: those at the borders and one more.

    Args:
        low: [R, K, kh, kw, C] of each kind of row and column.
        high: The same.
        rows: Kind of each output row.
        columns: Kind of each output column.
    """

    low: FloatArray
    high: FloatArray
    rows: IndexArray
    columns: IndexArray


def window_bounds(op: Conv2D | DepthwiseConv2D, x: Reach) -> tuple[Bounds, IndexArray, IndexArray] | None:
    """Sums of each kind of window, the kind of each output row and of each output column.

    None where there are too many kinds, even if the positions of the input are not told apart.
    """
    windows = _windows(op, x) or _windows(op, x.joined())
    if windows is None:
        return None
    bounds = _conv_bounds(op, windows) if isinstance(op, Conv2D) else _depthwise_bounds(op, windows)
    return bounds, windows.rows, windows.columns


def fully_connected_bounds(op: FullyConnected, x: Reach) -> Bounds:
    """Sums at every position."""
    zero, matrix = op.input_zero_point, op.weights.astype(np.float64).T
    return _products(x.low.astype(np.float64) - zero, x.high.astype(np.float64) - zero, matrix)


def window_reach(op: Conv2D | DepthwiseConv2D, x: Reach) -> Reach | None:
    """Reach of a convolution of either kind."""
    found = window_bounds(op, x)
    if found is None:
        return None
    bounds, rows, columns = found
    kinds = bounds.reach(op.requantize, twice=True)
    places = np.ix_(rows, columns)
    return Reach(kinds.low[places], kinds.high[places])


def _conv_bounds(op: Conv2D, windows: Windows) -> Bounds:
    per_group, depth = op.weights.shape[0] // op.groups, op.weights.shape[3]
    least, most = [], []
    for group in range(op.groups):
        outputs = slice(group * per_group, (group + 1) * per_group)
        channels = slice(group * depth, (group + 1) * depth)
        matrix = op.weights[outputs].reshape(per_group, -1).astype(np.float64).T
        size = (*windows.low.shape[:2], matrix.shape[0])
        low, high = (part[..., channels].reshape(size) for part in (windows.low, windows.high))
        part = _products(low, high, matrix)
        least.append(part.low)
        most.append(part.high)
    return Bounds(np.concatenate(least, 2), np.concatenate(most, 2))


def _depthwise_bounds(op: DepthwiseConv2D, windows: Windows) -> Bounds:
    low, high = (np.repeat(part, op.multiplier, axis=-1) for part in (windows.low, windows.high))
    weights = op.weights.astype(np.float64)
    rising, falling = np.maximum(weights, 0), np.minimum(weights, 0)
    least = (low * rising + high * falling).sum((2, 3))
    most = (high * rising + low * falling).sum((2, 3))
    return Bounds(least.astype(np.int64), most.astype(np.int64))


def _products(low: FloatArray, high: FloatArray, matrix: FloatArray) -> Bounds:
    """Bounds of x @ matrix for low <= x <= high; below 2^53, so exact in double precision."""
    rising, falling = np.maximum(matrix, 0), np.minimum(matrix, 0)
    least, most = low @ rising + high @ falling, high @ rising + low @ falling
    return Bounds(least.astype(np.int64), most.astype(np.int64))


def _windows(op: Conv2D | DepthwiseConv2D, x: Reach) -> Windows | None:
    """Windows of each kind; None where they have more than `MOST_TAPS` elements."""
    height, width, channels = x.low.shape
    size = output_size((height, width, channels), op.window, op.stride, op.dilation, op.padding)
    starts = (op.padding.top, op.padding.left)
    taps, kinds = [], []
    for axis in (0, 1):
        first = np.arange(size[axis]) * op.stride[axis] - starts[axis]
        index = first[:, None] + np.arange(op.window[axis]) * op.dilation[axis]
        index[(index < 0) | (index >= x.low.shape[axis])] = -1
        seen = np.append(_equal_slices(x, axis), -1)[index]
        _, chosen, kind = np.unique(seen, axis=0, return_index=True, return_inverse=True)
        taps.append(index[chosen])
        kinds.append(kind.reshape(-1))
    if taps[0].size * taps[1].size * channels > MOST_TAPS:
        return None
    low, high = (_gather(part, op.input_zero_point, taps[0], taps[1]) for part in (x.low, x.high))
    return Windows(low, high, kinds[0], kinds[1])


def _equal_slices(x: Reach, axis: int) -> IndexArray:
    """For every row (or column) of a tensor, the index of the first one equal to it."""
    length = x.low.shape[axis]
    slices = [np.moveaxis(part, axis, 0).reshape(length, -1) for part in (x.low, x.high)]
    first: dict[bytes, int] = {}
    keys = (low.tobytes() + high.tobytes() for low, high in zip(*slices, strict=True))
    return np.array([first.setdefault(key, i) for i, key in enumerate(keys)], np.intp)


def _gather(part: npt.NDArray[Any], zero: int, rows: IndexArray, columns: IndexArray) -> FloatArray:
    """Taps of some windows minus the zero point: float64 [R, K, kh, kw, C]; index -1 is padding."""
    centred = np.pad(part.astype(np.float64) - zero, ((0, 1), (0, 1), (0, 0)))
    return np.asarray(centred[rows][:, :, columns].transpose(0, 2, 1, 3, 4))
