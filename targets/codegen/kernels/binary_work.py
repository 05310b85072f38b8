"""How often one call of a binary kernel does each thing that has a cost (`RowKernel.work`)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from edgewright.converter.ops.binary_conv import BinaryConv2D
from edgewright.converter.program import TensorType

Work = dict[str, float]


def planes_work(
    op: BinaryConv2D, x: TensorType, y: TensorType, form: str, parts: Sequence[tuple[int, int, int]]
) -> Work:
    """`ew_binary_<form>` and `ew_binary_mve_<form>` of one output row.

    Args:
        op: The layer.
        x, y: Its packed input and its output.
        form: "bits" or a requantization.
        parts: (words taken at a time, how many times, output channels) of each.
    """
    height, width = op.window
    halves = -(-op.channels // 16)
    rows, joined, single, outside = window_taps(op, x, y, joins=halves == 2 * x.shape[2])
    read = single + (0.0 if op.pad_sign == 0 else outside)
    work: Work = {}
    for words, blocks, outputs in parts:
        name = "binary" if words == 1 else "binary_mve"
        windows = blocks * y.shape[1]
        work |= {
            f"{name}_{form}": 1,
            f"{name}_{form}_pixel": windows,
            f"{name}_row": windows * height,
            f"{name}_outside": blocks * outside,
            f"{name}_tap": blocks * read,
            f"{name}_run": blocks * (rows * joined + read),
            f"{name}_half": blocks * (rows * joined * width + read) * halves,
            f"{name}_plane": windows * max(4, op.depth.bit_length()),
        }
        if form != "bits":
            key = f"binary_{form}_output"
            work[key] = work.get(key, 0) + y.shape[1] * outputs
    return work


def window_taps(
    op: BinaryConv2D, x: TensorType, y: TensorType, *, joins: bool
) -> tuple[float, float, float, float]:
    """What a call reads, as means over the output rows: (kernel rows inside, pixels whose kernel rows are
    read as one run, taps inside read one by one, taps outside).

    Args:
        op: The layer.
        x, y: Its packed input and its output.
        joins: Whether neighbouring pixels can be read as one run.
    """
    size, columns = op.window[0] * op.window[1], y.shape[1]
    rows = _inside(x.shape[0], y.shape[0], op.window[0], op.stride[0], op.dilation[0], op.padding.top)
    inside = _inside(x.shape[1], columns, op.window[1], op.stride[1], op.dilation[1], op.padding.left)
    whole = (inside == op.window[1]) if joins and op.dilation[1] == 1 else np.zeros(columns, bool)
    mean_rows = float(rows.mean())
    single = mean_rows * float(inside[~whole].sum())
    return mean_rows, float(whole.sum()), single, columns * size - mean_rows * float(inside.sum())


def _inside(
    size: int, outputs: int, window: int, stride: int, dilation: int, before: int
) -> npt.NDArray[np.int64]:
    """Taps inside the input, for every output place along one axis."""
    taps = np.arange(outputs)[:, None] * stride - before + np.arange(window) * dilation
    return np.asarray(((taps >= 0) & (taps < size)).sum(axis=1), np.int64)
