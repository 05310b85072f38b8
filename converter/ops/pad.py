"""Padding with a constant (PAD, PADV2)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from edgewright.converter.ops.base import OpKind, Padding
from edgewright.converter.ops.channel_links import ChannelLinks, Kept
from edgewright.converter.ops.window import NO_PADDING, window_strip
from edgewright.converter.program import Array, TensorType
from edgewright.errors import ModelError

if TYPE_CHECKING:
    from edgewright.converter.intervals.reach import Reach
    from edgewright.targets.codegen.row_kernel import RowKernel
    from edgewright.targets.cpu import CpuClass


@dataclass(frozen=True, eq=False)
class Pad(OpKind):
    """The input with rows, columns and channels of one value around it.

    Args:
        padding: Rows and columns added.
        channels_before: Channels added in front.
        channels_after: Channels added at the end.
        value: Quantized value of the new elements.
    """

    kind: ClassVar[str] = "pad"

    padding: Padding = NO_PADDING
    channels_before: int = 0
    channels_after: int = 0
    value: int = 0

    def output_type(self, *inputs: TensorType) -> TensorType:
        (x,) = inputs
        p = self.padding
        if min(p.top, p.bottom, p.left, p.right, self.channels_before, self.channels_after) < 0:
            raise ModelError("EW-OP-SHAPE", f"pad by {self}")
        shape = (
            x.shape[0] + self.padding.top + self.padding.bottom,
            x.shape[1] + self.padding.left + self.padding.right,
            x.shape[2] + self.channels_before + self.channels_after,
        )
        return TensorType(shape, x.dtype, x.quantization)

    def input_rows(self, out_row: int, *inputs: TensorType) -> tuple[range, ...]:
        row = out_row - self.padding.top
        return (range(row, row + 1) if 0 <= row < inputs[0].shape[0] else range(0),)

    def row_kernel(self, cpu: CpuClass, *inputs: TensorType) -> RowKernel:
        from edgewright.targets.codegen.kernels.movement import pad_kernel

        (x,) = inputs
        return pad_kernel(self, x)

    def stream_kernels(self, cpu: CpuClass, *inputs: TensorType) -> tuple[RowKernel, ...] | None:
        from edgewright.targets.codegen.kernels.movement_rows import pad_stream_kernels

        (x,) = inputs
        return pad_stream_kernels(self, x)

    def strip(self, columns: range, *inputs: TensorType) -> tuple[OpKind, tuple[range, ...]] | None:
        (x,) = inputs
        found = window_strip(columns, x.shape[1], 1, 1, 1, self.padding)
        return found and (replace(self, padding=found[1]), (found[0],))

    def reach(self, *inputs: Reach) -> Reach | None:
        from edgewright.converter.intervals.reach import monotone_reach

        return monotone_reach(self, *inputs)

    def channel_links(self, *inputs: TensorType) -> ChannelLinks | None:
        index = np.arange(inputs[0].shape[2])
        return ChannelLinks(((index, index + self.channels_before),))

    def channel_parameters(self, *inputs: TensorType) -> tuple[Array, ...] | None:
        return ()

    def with_channels(self, inputs: tuple[Kept, ...], output: Kept) -> Pad:
        before = int(np.count_nonzero(output < self.channels_before))
        return replace(self, channels_before=before, channels_after=output.size - before - inputs[0].size)

    def golden(self, *inputs: Array) -> Array:
        widths = (
            (self.padding.top, self.padding.bottom),
            (self.padding.left, self.padding.right),
            (self.channels_before, self.channels_after),
        )
        return np.pad(inputs[0], widths, constant_values=self.value)
