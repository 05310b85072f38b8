"""Maximum over a window, int8 to int8 with the same quantization (MAX_POOL_2D)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from edgewright.converter.ops.base import OpKind, Padding
from edgewright.converter.ops.row_by_row import RowByRow
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
class MaxPool(RowByRow, SpatialOp):
    """y = clamp(largest of the window's elements inside the input).

    Args:
        window: (height, width) of the pooling window, in elements.
        stride: (vertical, horizontal) step.
        padding: Rows and columns added around the input; they are never the maximum.
        clamp: (min, max) of the result, the fused activation included.
    """

    kind: ClassVar[str] = "maxpool"

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

        (x,) = inputs
        return (self.row_kernel(cpu, x), *compact_pool_kernels(self, cpu, x))

    def strip(self, columns: range, *inputs: TensorType) -> tuple[OpKind, tuple[range, ...]] | None:
        (x,) = inputs
        found = window_strip(columns, x.shape[1], self.window[1], self.stride[1], 1, self.padding)
        return found and (replace(self, padding=found[1]), (found[0],))

    def golden(self, *inputs: Array) -> Array:
        padded = pad_border(inputs[0], self.padding, -128)
        views = window_views(padded, self.window, self.stride, (1, 1))
        return np.asarray(np.clip(views.max((2, 3)), *self.clamp), np.int8)
