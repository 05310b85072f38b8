"""Row kernel of softmax: exponentials come from a table, because their arguments are whole steps."""

from __future__ import annotations

import numpy as np

from edgewright.converter.ops.fixed_point import srdhm
from edgewright.converter.ops.fixed_point_functions import exp_of_negative
from edgewright.converter.ops.softmax import SCALED_DIFFERENCE_BITS, Softmax
from edgewright.converter.program import TensorType
from edgewright.targets.codegen.row_kernel import RowInput, RowKernel


def softmax_kernel(op: Softmax, x: TensorType) -> RowKernel:
    """[W, C] -> [W, C], over the channels of every pixel."""
    count = min(256, -op.difference_min + 1)
    steps = -np.arange(count, dtype=np.int64)
    table = exp_of_negative(srdhm(steps << op.input_shift, op.input_multiplier), SCALED_DIFFERENCE_BITS)
    rows, columns, channels = x.shape
    return RowKernel(
        family="softmax",
        script="",
        call="ew_softmax",
        arguments=("rows[0]", "out", str(columns), str(channels), "c[0]", str(count)),
        inputs=(RowInput(rows, x.row_bytes),),
        out_rows=rows,
        out_row_bytes=x.row_bytes,
        constants=(table.astype(np.int32),),
        headers=("ew_math.h", "ew_softmax.h"),
        reason=f"table of {count} exponentials",
    )
