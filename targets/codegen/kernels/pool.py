"""Row kernels of average and max pooling: one micro-kernel call a row."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from edgewright.converter.ops.average_pool import AveragePool
from edgewright.converter.ops.max_pool import MaxPool
from edgewright.converter.program import TensorType
from edgewright.targets.codegen.kernels.function_bytes import CALL_BYTES, functions
from edgewright.targets.codegen.kernels.mean import accumulating_kernels
from edgewright.targets.codegen.row_kernel import RowInput, RowKernel
from edgewright.targets.cpu import CpuClass

HEADERS = ("ew_math.h", "ew_pool.h", "ew_pool_fours.h")
# Columns of a window whose sums fit 16 bits (ew_lanes.h).
LANE_PIXELS = 256


def _geometry(op: AveragePool | MaxPool, x: TensorType, height: int) -> npt.NDArray[np.int32]:
    """Constants of ew_pool.h for windows of so many rows."""
    _, columns, channels = op.output_type(x).shape
    horizontal = (op.window[1], op.stride[1], op.padding.left)
    return np.array([x.shape[1], channels, columns, height, *horizontal, *op.clamp], np.int32)


def _name(op: AveragePool | MaxPool, x: TensorType) -> str:
    """Micro-kernels without "ew_": those of ew_pool_fours.h take four channels at a time."""
    name = "average_pool" if isinstance(op, AveragePool) else "max_pool"
    fours = x.shape[2] % 4 == 0 and op.window[1] <= LANE_PIXELS
    return f"{name}_fours" if fours else name


def pool_kernel(op: AveragePool | MaxPool, cpu: CpuClass, x: TensorType) -> RowKernel:
    """[kh rows][W, C] -> [W', C]; rows outside come as null pointers, because they do not count."""
    rows, columns, channels = op.output_type(x).shape
    name = _name(op, x)
    return RowKernel(
        family=name,
        script="",
        call=f"ew_{name}",
        arguments=("rows", "out", "c[0]"),
        inputs=(
            RowInput(
                rows=x.shape[0],
                row_bytes=x.row_bytes,
                window=op.window[0],
                stride=op.stride[0],
                pad_top=op.padding.top,
                pad_value=None,
            ),
        ),
        out_rows=rows,
        out_row_bytes=columns * channels,
        constants=(_geometry(op, x, op.window[0]),),
        headers=HEADERS,
        code_bytes=CALL_BYTES,
        shared_code=functions(cpu, [f"ew_{name}"]),
        reason="4 channels at a time" if name.endswith("_fours") else "channel by channel",
    )


def average_stream_kernels(op: AveragePool, cpu: CpuClass, x: TensorType) -> tuple[RowKernel, ...]:
    """Kernels for a tensor that arrives row by row.

    Where the only window holds all rows, they are added up as they arrive, if the sums (4 bytes for
    each window) take less memory than the rows. The choice is the same for all columns.
    """
    rows = x.shape[0]
    out_rows, columns, channels = op.output_type(x).shape
    height, width = op.window
    whole = out_rows == 1 and height - op.padding.top >= rows
    if not whole or (rows - 1) * width <= 4 or 255 * rows * width >= 2**31:
        return (pool_kernel(op, cpu, x),)
    geometry = _geometry(op, x, rows)
    arguments = ("rows[0]", "out", "c[0]")
    kernels = accumulating_kernels(_name(op, x), x, columns * channels, geometry, arguments, HEADERS)
    return tuple(replace(k, code_bytes=CALL_BYTES, shared_code=functions(cpu, [k.call])) for k in kernels)
