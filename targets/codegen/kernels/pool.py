"""Row kernels of average and max pooling: one micro-kernel call a row."""

from __future__ import annotations

import numpy as np

from edgewright.converter.ops.average_pool import AveragePool
from edgewright.converter.ops.max_pool import MaxPool
from edgewright.converter.program import TensorType
from edgewright.targets.codegen.row_kernel import RowInput, RowKernel


def pool_kernel(op: AveragePool | MaxPool, x: TensorType) -> RowKernel:
    """[kh rows][W, C] -> [W', C]; rows outside come as null pointers, because they do not count."""
    rows, columns, channels = op.output_type(x).shape
    geometry = [x.shape[1], channels, columns, *op.window, op.stride[1], op.padding.left, *op.clamp]
    name = "average" if isinstance(op, AveragePool) else "max"
    return RowKernel(
        family=f"{name}_pool",
        script="",
        call=f"ew_{name}_pool",
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
        constants=(np.array(geometry, np.int32),),
        headers=("ew_math.h", "ew_pool.h"),
        reason="channel by channel",
    )
