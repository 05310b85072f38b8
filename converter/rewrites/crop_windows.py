"""Cut taps off the edges of windows that never contribute."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from edgewright.converter.ops.base import Padding
from edgewright.converter.ops.conv2d import Conv2D
from edgewright.converter.ops.depthwise import DepthwiseConv2D
from edgewright.converter.ops.window import Pair
from edgewright.converter.program import Node, Program, TensorType

Used = npt.NDArray[np.bool_]


def crop_windows(program: Program) -> Program:
    """Outer rows and columns of kernels that see nothing but padding, or whose weights are all 0, go.

    A 7 x 7 kernel on a tensor of 3 x 3 pixels reaches two of them to each side: 5 x 5 does the same.
    """
    nodes = tuple(_cropped(node, program.values[node.inputs[0]]) for node in program.nodes)
    return replace(program, nodes=nodes)


def _cropped(node: Node, x: TensorType) -> Node:
    op = node.op
    if not isinstance(op, Conv2D | DepthwiseConv2D):
        return node
    first_axis = 1 if isinstance(op, Conv2D) else 0
    size = op.output_type(x).shape
    borders = (op.padding.top, op.padding.bottom), (op.padding.left, op.padding.right)
    cuts, kept = [], [slice(None)] * op.weights.ndim
    for axis in (0, 1):
        others = tuple(a for a in range(op.weights.ndim) if a != first_axis + axis)
        used = op.weights.any(others)
        geometry = (x.shape[axis], size[axis], op.stride[axis], op.dilation[axis])
        taps, border = _crop(np.asarray(used), borders[axis], *geometry)
        cuts.append(border)
        kept[first_axis + axis] = slice(taps.start, taps.stop)
    weights = op.weights[tuple(kept)]
    if weights.shape == op.weights.shape:
        return node
    padding = Padding(*cuts[0], *cuts[1])
    return replace(node, op=replace(op, weights=np.ascontiguousarray(weights), padding=padding))


def _crop(used: Used, border: Pair, size: int, made: int, stride: int, dilation: int) -> tuple[range, Pair]:
    """Taps that stay along one axis, and the padding before and behind the tensor they need.

    Args:
        used: Whether a tap has weights other than 0.
        border: Padding before and behind.
        size: Rows (or columns) of the input.
        made: Of the output.
        stride, dilation: Along this axis.
    """
    windows = np.arange(made) * stride - border[0]
    places = windows[:, None] + np.arange(used.size) * dilation
    inside = np.flatnonzero(used & ((places >= 0) & (places < size)).any(0))
    first, last = (int(inside[0]), int(inside[-1])) if inside.size else (0, 0)
    # Padding is never negative: the first window cannot begin inside the tensor.
    first = min(first, border[0] // dilation)
    before = border[0] - first * dilation
    while True:
        extent = dilation * (last - first) + 1
        behind = max(0, (made - 1) * stride + extent - size - before)
        if (size + before + behind - extent) // stride + 1 == made:
            return range(first, last + 1), (before, behind)
        last += 1  # A smaller window would fit in once more.
