"""Row kernel for Helium of average pooling whose one window holds the whole tensor."""

from __future__ import annotations

import numpy as np

from edgewright.converter.ops.average_pool import AveragePool
from edgewright.converter.program import TensorType
from edgewright.targets.codegen.row_kernel import RowInput, RowKernel

# Pixels are added in 16 bits, so many at a time.
MOST_ADDED = 255


def average_mve_kernel(op: AveragePool, x: TensorType) -> RowKernel | None:
    """[H, W, C] -> [1, 1, C] in one call; None where a window is only a part of the tensor."""
    rows, columns, channels = x.shape
    whole = op.window[0] - op.padding.top >= rows and op.window[1] - op.padding.left >= columns
    if op.output_type(x).shape[:2] != (1, 1) or not whole:
        return None
    pixels, sixteens = rows * columns, channels // 16
    eights = -(-(channels % 16) // 8)
    return RowKernel(
        family="average_whole",
        script="",
        call="ew_average_whole_mve",
        arguments=("rows[0]", "out", "c[0]"),
        inputs=(RowInput(1, x.size_bytes),),
        out_rows=1,
        out_row_bytes=channels,
        constants=(np.array([pixels, channels, *op.clamp], np.int32),),
        headers=("ew_pool_mve.h",),
        variant="Helium, whole tensor",
        reason="Helium, 16 channels at a time, the whole tensor",
        work={
            "average_mve": 1,
            "average_mve_block": (sixteens + eights) * -(-pixels // MOST_ADDED),
            "average_mve_16": sixteens * pixels,
            "average_mve_8": eights * pixels,
            "average_mve_channel": channels,
        },
    )
