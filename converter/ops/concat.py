"""Concatenation along rows, columns or channels of values with the same quantization (CONCATENATION)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from edgewright.converter.ops.base import OpKind
from edgewright.converter.ops.channel_links import ChannelLinks, same_channels
from edgewright.converter.program import Array, TensorType
from edgewright.errors import ModelError

if TYPE_CHECKING:
    from edgewright.converter.intervals.reach import Reach
    from edgewright.targets.codegen.row_kernel import RowKernel
    from edgewright.targets.cpu import CpuClass


@dataclass(frozen=True, eq=False)
class Concat(OpKind):
    """Inputs one after the other along `axis` of HWC (0 rows, 1 columns, 2 channels)."""

    kind: ClassVar[str] = "concat"

    axis: int

    def output_type(self, *inputs: TensorType) -> TensorType:
        first = inputs[0]
        if self.axis not in (0, 1, 2):
            raise ModelError("EW-OP-SHAPE", f"concat along axis {self.axis}")
        for x in inputs[1:]:
            same = all(
                m == n for i, (m, n) in enumerate(zip(first.shape, x.shape, strict=True)) if i != self.axis
            )
            if not same or (x.dtype, x.quantization) != (first.dtype, first.quantization):
                raise ModelError("EW-OP-SHAPE", f"concat along axis {self.axis}: {first} and {x} do not fit")
        shape = list(first.shape)
        shape[self.axis] = sum(x.shape[self.axis] for x in inputs)
        return TensorType((shape[0], shape[1], shape[2]), first.dtype, first.quantization)

    def input_rows(self, out_row: int, *inputs: TensorType) -> tuple[range, ...]:
        if self.axis != 0:
            return tuple(range(out_row, out_row + 1) for _ in inputs)
        needed, start = [], 0
        for x in inputs:
            inside = start <= out_row < start + x.shape[0]
            needed.append(range(out_row - start, out_row - start + 1) if inside else range(0))
            start += x.shape[0]
        return tuple(needed)

    def row_kernel(self, cpu: CpuClass, *inputs: TensorType) -> RowKernel:
        from edgewright.targets.codegen.kernels.movement import concat_kernel

        return concat_kernel(self, *inputs)

    def stream_kernels(self, cpu: CpuClass, *inputs: TensorType) -> tuple[RowKernel, ...] | None:
        from edgewright.targets.codegen.kernels.movement_rows import concat_stream_kernels

        return concat_stream_kernels(self, *inputs)

    def strip(self, columns: range, *inputs: TensorType) -> tuple[OpKind, tuple[range, ...]] | None:
        return None if self.axis == 1 else (self, (columns,) * len(inputs))

    def reach(self, *inputs: Reach) -> Reach | None:
        from edgewright.converter.intervals.reach import monotone_reach

        return monotone_reach(self, *inputs)

    def channel_links(self, *inputs: TensorType) -> ChannelLinks | None:
        if self.axis != 2:
            return same_channels(*inputs)
        ends = np.cumsum([x.shape[2] for x in inputs])
        own = [np.arange(x.shape[2]) for x in inputs]
        return ChannelLinks(
            tuple((index, index + end - index.size) for index, end in zip(own, ends, strict=True))
        )

    def channel_parameters(self, *inputs: TensorType) -> tuple[Array, ...] | None:
        return ()

    def golden(self, *inputs: Array) -> Array:
        return np.concatenate(inputs, axis=self.axis)
