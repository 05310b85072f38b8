"""Depthwise convolutions over the rows of a single column, as streaming speech models have them, on planes.

The rows of four channels are widened once, two of them in a word, and every channel then runs over all its
rows without a loop: which word is in which register is settled here (`planes_schedule.py`).
"""

from __future__ import annotations

import re

import numpy as np

from edgewright.converter.ops.depthwise import DepthwiseConv2D
from edgewright.converter.program import TensorType
from edgewright.targets.codegen.kernels.planes_factors import find_factors
from edgewright.targets.codegen.kernels.planes_temporal import Temporal, temporal_function
from edgewright.targets.codegen.kernels.planes_text import COLUMN, Expansion, widen
from edgewright.targets.codegen.kernels.planes_work import straight_work
from edgewright.targets.codegen.row_kernel import RowInput, RowKernel
from edgewright.targets.cpu import CpuClass


def temporal_kernels(op: DepthwiseConv2D, cpu: CpuClass, x: TensorType) -> tuple[RowKernel, ...]:
    """Kernels of a whole layer over the rows of one column; none where they do not apply."""
    rows, columns, channels = x.shape
    outputs = op.output_type(x).shape[0]
    taps, width = op.window
    borders = (op.padding.left, op.padding.right)
    if cpu.name != "dsp" or (columns, width, op.multiplier) != (1, 1, 1) or borders != (0, 0) or channels % 4:
        return ()
    if op.dilation[0] != 1 or op.weight_format != "int8":
        return ()
    # A window that lies outside has no sum.
    firsts = np.arange(outputs) * op.stride[0] - op.padding.top
    factors = find_factors(op)
    if factors is None or (firsts + taps <= 0).any() or (firsts >= rows).any():
        return ()
    view = Temporal(factors, rows, outputs, op.stride[0], op.padding.top, channels)
    lines = view.lines()
    pairs = rows // 2
    expansion = Expansion(pairs, 2 * channels, dual=cpu.dual_issue)
    parts = [(0, channels, 0, expansion.lines())] if pairs else []
    if rows % 2:
        last = Expansion(1, channels, dual=cpu.dual_issue).lines(missing="lower")
        parts.append(((rows - 1) * channels, 0, pairs * COLUMN, last))
    widened = widen((-op.input_zero_point & 0xFFFF) * 0x10001, parts)
    compute = temporal_function("f_0", view, lines, widened)
    if compute is None:
        return ()
    words = view.packed
    source = f"""{compute}static void f(const int8_t *x, int8_t *y, const uint32_t *k, uint32_t *v) {{
  for (const int8_t *end = x + {channels}; x != end; x += 4, y += 4, k += {4 * words.shape[1]})
    f_0(v, y, k, x);
}}
"""
    kernel = RowKernel(
        family=f"planes{taps}x1_{rows}x{channels}",
        script="",
        source=source,
        arguments=("rows[0]", "out", "c[0]", "scratch"),
        inputs=(RowInput(rows=1, row_bytes=rows * channels),),
        out_rows=1,
        out_row_bytes=outputs * channels,
        constants=(words,),
        headers=("ew_planes_dsp.h",),
        scratch_bytes=-(-rows // 2) * COLUMN,
        code_bytes=4 * len(re.findall(r'\\n"', source)),
        variant="planes of a column",
        reason=f"int16 planes, two rows in a word, no loop over rows, {factors.reason}",
        work=straight_work("dw_temporal", lines, -(-rows // 2), channels // 4),
    )
    return (kernel,)
