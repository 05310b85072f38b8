"""Geometry of sliding windows, shared by convolutions and pools."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from edgewright.converter.ops.base import Padding
from edgewright.converter.program import Shape
from edgewright.errors import ModelError

Pair = tuple[int, int]
NO_PADDING = Padding()


def output_size(shape: Shape, window: Pair, stride: Pair, dilation: Pair, padding: Padding) -> Pair:
    """(rows, columns) of a window operation's output.

    Raises:
        ModelError: EW-OP-SHAPE where the window is larger than the padded input, or a number makes
            no sense.
    """
    borders = (padding.top, padding.bottom, padding.left, padding.right)
    if min(*window, *stride, *dilation) < 1 or min(borders) < 0:
        raise ModelError("EW-OP-SHAPE", f"window {window}, stride {stride}, dilation {dilation}, {padding}")
    rows = shape[0] + padding.top + padding.bottom - dilation[0] * (window[0] - 1) - 1
    columns = shape[1] + padding.left + padding.right - dilation[1] * (window[1] - 1) - 1
    if rows < 0 or columns < 0:
        raise ModelError("EW-OP-SHAPE", f"window {window}, dilation {dilation} exceeds input {shape}")
    return rows // stride[0] + 1, columns // stride[1] + 1


def window_rows(out_row: int, window: int, stride: int, dilation: int, padding: Padding) -> range:
    """Input rows (from first to last tap) under an output row; negative or past the end = padding."""
    first = out_row * stride - padding.top
    return range(first, first + dilation * (window - 1) + 1)


def window_strip(
    columns: range, input_columns: int, window: int, stride: int, dilation: int, padding: Padding
) -> tuple[range, Padding] | None:
    """What a window operation needs to make just some of its output columns.

    Args:
        columns: Output columns.
        input_columns: Columns of the whole input.
        window, stride, dilation: Horizontal.
        padding: Of the whole operation.

    Returns:
        (input columns, padding around them), None where all of these windows lie in the padding.

    >>> window_strip(range(0, 2), 8, 3, 2, 1, Padding(left=1))
    (range(0, 4), Padding(top=0, bottom=0, left=1, right=0))
    """
    first = columns.start * stride - padding.left
    stop = (columns.stop - 1) * stride - padding.left + dilation * (window - 1) + 1
    inside = range(max(0, first), min(input_columns, stop))
    return (inside, replace(padding, left=inside.start - first, right=stop - inside.stop)) if inside else None


def pad_border(x: npt.NDArray[Any], padding: Padding, value: int) -> npt.NDArray[Any]:
    """[H, W, C] with rows and columns of `value` around it."""
    widths = ((padding.top, padding.bottom), (padding.left, padding.right), (0, 0))
    return np.pad(x, widths, constant_values=value)


def window_views(padded: npt.NDArray[Any], window: Pair, stride: Pair, dilation: Pair) -> npt.NDArray[Any]:
    """Windows of a padded [H, W, C] array without copying: [H', W', kh, kw, C]."""
    extent = (dilation[0] * (window[0] - 1) + 1, dilation[1] * (window[1] - 1) + 1)
    views = np.lib.stride_tricks.sliding_window_view(padded, extent, axis=(0, 1))
    taken = views[:: stride[0], :: stride[1], :, :: dilation[0], :: dilation[1]]
    return taken.transpose(0, 1, 3, 4, 2)


def same_padding(size: Pair, window: Pair, stride: Pair, dilation: Pair = (1, 1)) -> Padding:
    """Padding of TFLite's SAME: the output has ceil(size / stride) elements, the odd one goes last."""

    def split(length: int, taps: int, step: int, spread: int) -> Pair:
        outputs = -(-length // step)
        total = max(0, (outputs - 1) * step + spread * (taps - 1) + 1 - length)
        return total // 2, total - total // 2

    top, bottom = split(size[0], window[0], stride[0], dilation[0])
    left, right = split(size[1], window[1], stride[1], dilation[1])
    return Padding(top, bottom, left, right)


def pool_output_size(shape: Shape, window: Pair, stride: Pair, padding: Padding) -> Pair:
    """`output_size` of a pool.

    Raises:
        ModelError: EW-OP-SHAPE also where a window can lie in the padding alone: it has no value.
    """
    if max(padding.top, padding.bottom) >= window[0] or max(padding.left, padding.right) >= window[1]:
        raise ModelError("EW-OP-SHAPE", f"{padding} holds a whole pooling window {window}")
    return output_size(shape, window, stride, (1, 1), padding)
