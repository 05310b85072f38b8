"""Which rows (time steps) an output row reads, for ops that treat all rows alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from edgewright.converter.ops.average_pool import AveragePool
from edgewright.converter.ops.base import OpKind
from edgewright.converter.ops.conv2d import Conv2D
from edgewright.converter.ops.depthwise import DepthwiseConv2D
from edgewright.converter.ops.max_pool import MaxPool
from edgewright.converter.ops.pad import Pad
from edgewright.converter.ops.reshape import Reshape
from edgewright.converter.ops.resize_nearest import ResizeNearest
from edgewright.converter.ops.slice import Slice
from edgewright.converter.program import TensorType


@dataclass(frozen=True)
class TimeWindow:
    """Output row i reads the `extent` input rows from (i // repeat) * stride - top on.

    Rows before 0 or past the end of the input are padding. A stride of 0 is a row that all outputs read.
    """

    stride: int = 1
    extent: int = 1
    top: int = 0
    repeat: int = 1

    def rows(self, outputs: range) -> range:
        """Input rows under consecutive output rows, padding included."""
        first = outputs[0] // self.repeat * self.stride - self.top
        last = outputs[-1] // self.repeat * self.stride - self.top
        return range(first, last + self.extent)

    def new_rows(self, new_inputs: int) -> int | None:
        """Rows by which the output moves when the input moves by `new_inputs`; None: by no whole number."""
        return None if new_inputs % self.stride else new_inputs // self.stride * self.repeat


def time_windows(op: OpKind, inputs: Sequence[TensorType]) -> tuple[TimeWindow, ...] | None:
    """The window of each input, None where the rows of the output are not all made alike.

    Args:
        op: The operation.
        inputs: Types of its inputs.
    """
    rows = inputs[0].shape[0]
    match op:
        case Conv2D() | DepthwiseConv2D():
            extent = op.dilation[0] * (op.window[0] - 1) + 1
            return (TimeWindow(op.stride[0], extent, op.padding.top),)
        case AveragePool() | MaxPool():
            return (TimeWindow(op.stride[0], op.window[0], op.padding.top),)
        case Pad():
            return (TimeWindow(top=op.padding.top),)
        case Slice():
            return (TimeWindow(op.step[0], top=-op.begin[0]),) if op.step[0] > 0 else None
        case Reshape():
            return _reshape_window(inputs[0].elements // rows, op.shape[1] * op.shape[2])
        case ResizeNearest():
            repeat, rest = divmod(op.rows.size, rows)
            periodic = not rest and np.array_equal(op.rows, np.arange(op.rows.size) // repeat)
            return (TimeWindow(repeat=repeat),) if periodic else None
    return _row_by_row(op, inputs)


def _row_by_row(op: OpKind, inputs: Sequence[TensorType]) -> tuple[TimeWindow, ...] | None:
    """Windows of one row, and of the same row for all outputs where an input has just one."""
    rows = op.output_type(*inputs).shape[0]
    if any(x.shape[0] not in (1, rows) for x in inputs):
        return None
    for r in range(rows):
        own = [range(1) if x.shape[0] == 1 else range(r, r + 1) for x in inputs]
        if list(op.input_rows(r, *inputs)) != own:
            return None
    return tuple(TimeWindow(stride=int(x.shape[0] == rows)) for x in inputs)


def _reshape_window(source_elements: int, elements: int) -> tuple[TimeWindow, ...] | None:
    """From the elements of a row before and after."""
    if elements % source_elements == 0:
        joined = elements // source_elements
        return (TimeWindow(stride=joined, extent=joined),)
    if source_elements % elements == 0:
        return (TimeWindow(repeat=source_elements // elements),)
    return None


def on_slab(op: OpKind, out_rows: int, *, keep_padding: bool) -> OpKind:
    """The op for an input cut to the rows that `out_rows` consecutive output rows read.

    Args:
        op: An op that has time windows.
        out_rows: Rows of the result.
        keep_padding: Pad above and below as before, instead of finding those rows in the slab.
    """
    match op:
        case Conv2D() | DepthwiseConv2D() | AveragePool() | MaxPool() | Pad():
            return op if keep_padding else _without_row_padding(op)
        case Slice():
            end = (out_rows - 1) * op.step[0] + 1
            return replace(op, begin=(0, *op.begin[1:]), end=(end, *op.end[1:]))
        case Reshape():
            return replace(op, shape=(out_rows, *op.shape[1:]))
        case ResizeNearest():
            repeat = int(np.count_nonzero(op.rows == 0))
            return replace(op, rows=np.arange(out_rows, dtype=np.int32) // repeat)
    return op


def _without_row_padding(op: Conv2D | DepthwiseConv2D | AveragePool | MaxPool | Pad) -> OpKind:
    if not (op.padding.top or op.padding.bottom):
        return op
    return replace(op, padding=replace(op.padding, top=0, bottom=0))
