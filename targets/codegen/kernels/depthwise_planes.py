"""Depthwise convolutions on planes: the kernels of the DSP class that take two taps an instruction.

Four channels are a word of every pixel. Their pixels are widened to int16 planes once, two rows in a word,
so that SMLAD multiplies two of them; then every channel runs over its plane alone. There are kernels for
3x3 windows with a step requantization, made for their shape (`depthwise_small.py`) or with code for many
shapes (`depthwise_shared.py`), for a single column (`depthwise_temporal.py`, and `depthwise_column.py` for a
row alone), and for all others (`depthwise_tiles.py`).
"""

from __future__ import annotations

from edgewright.converter.ops.depthwise import DepthwiseConv2D
from edgewright.converter.program import TensorType
from edgewright.targets.codegen.kernels.depthwise_column import column_row_kernel
from edgewright.targets.codegen.kernels.depthwise_shared import shared_kernels
from edgewright.targets.codegen.kernels.depthwise_small import small_kernels, small_row_kernel
from edgewright.targets.codegen.kernels.depthwise_temporal import temporal_kernels
from edgewright.targets.codegen.kernels.depthwise_tiles import tiles_kernels, tiles_row_kernel
from edgewright.targets.codegen.row_kernel import RowKernel
from edgewright.targets.cpu import CpuClass


def planes_kernels(op: DepthwiseConv2D, cpu: CpuClass, x: TensorType) -> tuple[RowKernel, ...]:
    """Kernels of a whole layer, fastest first; none where planes do not apply."""
    row = column_row_kernel(op, cpu, x)
    if row is not None:
        return *temporal_kernels(op, cpu, x), row
    return (*small_kernels(op, cpu, x), *shared_kernels(op, cpu, x)) or tiles_kernels(op, cpu, x)


def planes_row_kernel(op: DepthwiseConv2D, cpu: CpuClass, x: TensorType) -> RowKernel | None:
    """Row kernel, the rows of a window to one output row; None where planes do not apply."""
    for make in (column_row_kernel, small_row_kernel, tiles_row_kernel):
        kernel = make(op, cpu, x)
        if kernel is not None:
            return kernel
    return None
