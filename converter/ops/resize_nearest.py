"""Nearest-neighbour resizing by index tables (RESIZE_NEAREST_NEIGHBOR)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from edgewright.converter.ops.base import OpKind
from edgewright.converter.ops.fixed_point import Int32Array
from edgewright.converter.ops.spatial import SpatialOp
from edgewright.converter.program import Array, TensorType
from edgewright.errors import ModelError

if TYPE_CHECKING:
    from edgewright.targets.codegen.row_kernel import RowKernel
    from edgewright.targets.cpu import CpuClass


def nearest_indices(
    input_size: int, output_size: int, *, align_corners: bool = False, half_pixel_centers: bool = False
) -> Int32Array:
    """Input index of every output index, int32 [output_size], with TFLite's float32 arithmetic.

    index = floor or round of (i + offset) * input / output; the corners of both grids coincide with
    `align_corners`, their pixel centres lie at + 0.5 with `half_pixel_centers`.
    """
    aligned = align_corners and output_size > 1
    numerator, denominator = (input_size - 1, output_size - 1) if aligned else (input_size, output_size)
    scale = np.float32(numerator) / np.float32(denominator)
    offset = np.float32(0.5 if half_pixel_centers else 0.0)
    position = ((np.arange(output_size, dtype=np.float32) + offset) * scale).astype(np.float32)
    index = np.floor(position + np.float32(0.5)) if align_corners else np.floor(position)
    return np.clip(index, 0, input_size - 1).astype(np.int32)


@dataclass(frozen=True, eq=False)
class ResizeNearest(SpatialOp):
    """y[r, c] = x[rows[r], columns[c]].

    Args:
        rows: int32, input row of each output row.
        columns: int32, input column of each output column.
    """

    kind: ClassVar[str] = "resize"

    rows: Int32Array
    columns: Int32Array

    def output_type(self, *inputs: TensorType) -> TensorType:
        (x,) = inputs
        for indices, size in ((self.rows, x.shape[0]), (self.columns, x.shape[1])):
            if indices.size == 0 or indices.min() < 0 or indices.max() >= size:
                raise ModelError("EW-OP-SHAPE", f"resize indices {indices.tolist()} of {size} elements")
        return TensorType((self.rows.size, self.columns.size, x.shape[2]), x.dtype, x.quantization)

    def input_rows(self, out_row: int, *inputs: TensorType) -> tuple[range, ...]:
        row = int(self.rows[out_row])
        return (range(row, row + 1),)

    def row_kernel(self, cpu: CpuClass, *inputs: TensorType) -> RowKernel:
        from edgewright.targets.codegen.kernels.movement import resize_kernel

        (x,) = inputs
        return resize_kernel(self, x)

    def stream_kernels(self, cpu: CpuClass, *inputs: TensorType) -> tuple[RowKernel, ...] | None:
        from edgewright.targets.codegen.kernels.movement_rows import resize_stream_kernels

        (x,) = inputs
        return resize_stream_kernels(self, x)

    def strip(self, columns: range, *inputs: TensorType) -> tuple[OpKind, tuple[range, ...]] | None:
        taken = self.columns[columns.start : columns.stop]
        needed = range(int(taken.min()), int(taken.max()) + 1)
        return replace(self, columns=taken - needed.start), (needed,)

    def golden(self, *inputs: Array) -> Array:
        return np.ascontiguousarray(inputs[0][np.ix_(self.rows, self.columns)])
