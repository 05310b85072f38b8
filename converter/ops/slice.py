"""Strided slice of rows, columns and channels (SLICE, STRIDED_SLICE)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from edgewright.converter.ops.base import OpKind
from edgewright.converter.ops.channel_links import ChannelLinks, Kept
from edgewright.converter.program import Array, Shape, TensorType
from edgewright.errors import ModelError

if TYPE_CHECKING:
    from edgewright.converter.intervals.reach import Reach
    from edgewright.targets.codegen.row_kernel import RowKernel
    from edgewright.targets.cpu import CpuClass


@dataclass(frozen=True, eq=False)
class Slice(OpKind):
    """y[i, j, k] = x[begin + step * (i, j, k)], along each axis the indices of `range(begin, end, step)`.

    Args:
        begin: First index along each axis of HWC, in 0 .. size - 1.
        end: Index past the last one; -1 ends a backward slice at index 0.
        step: Step, not 0; negative runs backwards.
    """

    kind: ClassVar[str] = "slice"

    begin: Shape
    end: Shape
    step: Shape = (1, 1, 1)

    def ranges(self) -> tuple[range, range, range]:
        """Input indices along rows, columns and channels."""
        rows, columns, channels = map(range, self.begin, self.end, self.step)
        return rows, columns, channels

    def output_type(self, *inputs: TensorType) -> TensorType:
        (x,) = inputs
        taken = self.ranges()
        for indices, size in zip(taken, x.shape, strict=True):
            if not indices or not (0 <= indices[0] < size and 0 <= indices[-1] < size):
                raise ModelError("EW-OP-SHAPE", f"slice {indices} of {size} elements")
        return TensorType((len(taken[0]), len(taken[1]), len(taken[2])), x.dtype, x.quantization)

    def input_rows(self, out_row: int, *inputs: TensorType) -> tuple[range, ...]:
        row = self.ranges()[0][out_row]
        return (range(row, row + 1),)

    def row_kernel(self, cpu: CpuClass, *inputs: TensorType) -> RowKernel:
        from edgewright.targets.codegen.kernels.movement import slice_kernel

        (x,) = inputs
        return slice_kernel(self, x)

    def stream_kernels(self, cpu: CpuClass, *inputs: TensorType) -> tuple[RowKernel, ...] | None:
        from edgewright.targets.codegen.kernels.movement_rows import slice_stream_kernels

        (x,) = inputs
        return slice_stream_kernels(self, x)

    def strip(self, columns: range, *inputs: TensorType) -> tuple[OpKind, tuple[range, ...]] | None:
        taken = self.ranges()[1][columns.start : columns.stop]
        needed = range(min(taken), max(taken) + 1)
        begin = (self.begin[0], taken.start - needed.start, self.begin[2])
        end = (self.end[0], taken.stop - needed.start, self.end[2])
        return replace(self, begin=begin, end=end), (needed,)

    def reach(self, *inputs: Reach) -> Reach | None:
        from edgewright.converter.intervals.reach import monotone_reach

        return monotone_reach(self, *inputs)

    def channel_links(self, *inputs: TensorType) -> ChannelLinks | None:
        taken = np.array(self.ranges()[2])
        # What is left of every second channel may be no range.
        return ChannelLinks(((taken, np.arange(taken.size)),)) if abs(self.step[2]) == 1 else None

    def channel_parameters(self, *inputs: TensorType) -> tuple[Array, ...] | None:
        return ()

    def with_channels(self, inputs: tuple[Kept, ...], output: Kept) -> Slice:
        taken = np.searchsorted(inputs[0], np.array(self.ranges()[2])[output])
        begin, end = int(taken[0]), int(taken[-1]) + self.step[2]
        return replace(self, begin=(*self.begin[:2], begin), end=(*self.end[:2], end))

    def golden(self, *inputs: Array) -> Array:
        return np.ascontiguousarray(inputs[0][np.ix_(*self.ranges())])
