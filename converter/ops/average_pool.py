"""Average pooling over a window, int8 to int8 with the same quantization (AVERAGE_POOL_2D)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from edgewright.converter.ops.base import OpKind, Padding
from edgewright.converter.ops.spatial import SpatialOp
from edgewright.converter.ops.window import (
    NO_PADDING,
    Pair,
    pad_border,
    pool_output_size,
    window_rows,
    window_strip,
    window_views,
)
from edgewright.converter.program import Array, TensorType

if TYPE_CHECKING:
    from edgewright.targets.codegen.row_kernel import RowKernel
    from edgewright.targets.cpu import CpuClass


@dataclass(frozen=True, eq=False)
class AveragePool(SpatialOp):
    """y = clamp(mean of the window's elements inside the input), halves rounded away from zero.

    Args:
        window: (height, width) of the pooling window, in elements.
        stride: (vertical, horizontal) step.
        padding: Rows and columns added around the input; they do not count in the mean.
        clamp: (min, max) of the result, the fused activation included.
    """

    kind: ClassVar[str] = "avgpool"

    window: Pair
    stride: Pair
    padding: Padding = NO_PADDING
    clamp: tuple[int, int] = (-128, 127)

    def output_type(self, *inputs: TensorType) -> TensorType:
        (x,) = inputs
        rows, columns = pool_output_size(x.shape, self.window, self.stride, self.padding)
        return TensorType((rows, columns, x.shape[2]), "int8", x.quantization)

    def input_rows(self, out_row: int, *inputs: TensorType) -> tuple[range, ...]:
        return (window_rows(out_row, self.window[0], self.stride[0], 1, self.padding),)

    def row_kernel(self, cpu: CpuClass, *inputs: TensorType) -> RowKernel:
        from edgewright.targets.codegen.kernels.pool import pool_kernel

        (x,) = inputs
        return pool_kernel(self, cpu, x)

    def layer_kernels(self, cpu: CpuClass, *inputs: TensorType) -> tuple[RowKernel, ...]:
        from edgewright.targets.codegen.kernels.compact_others import compact_pool_kernels
        from edgewright.targets.codegen.kernels.pool_mve import average_mve_kernel

        (x,) = inputs
        whole = average_mve_kernel(self, x) if cpu.name == "mve" else None
        others = (whole,) if whole is not None else compact_pool_kernels(self, cpu, x)
        return (self.row_kernel(cpu, x), *others)

    def strip(self, columns: range, *inputs: TensorType) -> tuple[OpKind, tuple[range, ...]] | None:
        (x,) = inputs
        found = window_strip(columns, x.shape[1], self.window[1], self.stride[1], 1, self.padding)
        return found and (replace(self, padding=found[1]), (found[0],))

    def stream_kernels(self, cpu: CpuClass, *inputs: TensorType) -> tuple[RowKernel, ...] | None:
        from edgewright.targets.codegen.kernels.pool import average_stream_kernels

        (x,) = inputs
        return average_stream_kernels(self, cpu, x)

    def golden(self, *inputs: Array) -> Array:
        (x,) = inputs
        inside = pad_border(np.ones((*x.shape[:2], 1), np.int64), self.padding, 0)
        padded = pad_border(x.astype(np.int64), self.padding, 0)
        views = window_views(padded, self.window, self.stride, (1, 1))
        count = window_views(inside, self.window, self.stride, (1, 1)).sum((2, 3))
        sums = views.sum((2, 3))
        mean = np.sign(sums) * ((np.abs(sums) + count // 2) // count)
        return np.asarray(np.clip(mean, *self.clamp), np.int8)
