"""Depthwise convolutions over the rows of a single column, as streaming speech models have them, on planes.

The rows of four channels are widened once, two of them in a word, and every channel then runs over all its
rows without a loop: which word is in which register is settled here (`planes_schedule.py`).
"""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np

from edgewright.converter.ops.depthwise import DepthwiseConv2D
from edgewright.converter.program import TensorType
from edgewright.targets.codegen.kernels.depthwise import depthwise_kernel
from edgewright.targets.codegen.kernels.planes_column_words import column_words
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
    kernels = [_kernel(op, cpu, x, view), _compact_kernel(op, cpu, x, view)]
    return tuple(k for k in kernels if k is not None)


def _kernel(op: DepthwiseConv2D, cpu: CpuClass, x: TensorType, view: Temporal) -> RowKernel | None:
    """A kernel whose words are all in flash, or as the view has it."""
    rows, _, channels = x.shape
    lines = view.lines()
    compute = temporal_function("f_0", view, lines, _widened(op, cpu, x))
    if compute is None:
        return None
    words = view.packed
    source = f"""{compute}static void f(const int8_t *x, int8_t *y, const uint32_t *k, uint32_t *v) {{
  for (const int8_t *end = x + {channels}; x != end; x += 4, y += 4, k += {4 * view.words})
    f_0(v, y, k, x);
}}
"""
    return RowKernel(
        family=f"planes{view.taps}x1_{rows}x{channels}",
        script="",
        source=source,
        arguments=("rows[0]", "out", "c[0]", "scratch"),
        inputs=(RowInput(rows=1, row_bytes=rows * channels),),
        out_rows=1,
        out_row_bytes=view.outputs * channels,
        constants=(words,),
        headers=("ew_planes_dsp.h",),
        scratch_bytes=-(-rows // 2) * COLUMN,
        code_bytes=4 * len(re.findall(r'\\n"', source)),
        variant="planes of a column",
        reason=f"int16 planes, two rows in a word, no loop over rows, {view.factors.reason}",
        work=straight_work("dw_temporal", lines, -(-rows // 2), channels // 4),
    )


def _compact_kernel(op: DepthwiseConv2D, cpu: CpuClass, x: TensorType, view: Temporal) -> RowKernel | None:
    """The kernel with int8 weights in flash, whose words are made in scratch memory."""
    view = replace(view, compact=True)
    made, kernel = column_words(op, view.factors), _kernel(op, cpu, x, view)
    usual = sum(int(c.nbytes) for c in depthwise_kernel(op, cpu, x).constants)
    if made is None or kernel is None or made.words.nbytes > usual:
        return None
    planes, fours = kernel.scratch_bytes // 4, x.shape[2] // 4
    body = "\n    ".join(made.body(4 * len(view.pairs), view.factors))
    source = f"""{kernel.source[: kernel.source.index("static void f(")]}
static void f(const int8_t *x, int8_t *y, const uint32_t *k, uint32_t *v) {{
  uint32_t *w = v + {planes};
  for (const int8_t *end = x + {x.shape[2]}; x != end; x += 4, y += 4, k += {made.words.shape[1]}) {{
    {body}
    f_0(v, y, w, x);
  }}
}}
"""
    more = {"dw_temporal_unpack": fours, "dw_temporal_unpack_pair": fours * len(view.pairs)}
    return replace(
        kernel,
        source=source,
        constants=(made.words,),
        scratch_bytes=kernel.scratch_bytes + 16 * view.words,
        variant=f"{kernel.variant}, int8 weights in flash",
        work={**kernel.work, **more},
    )


def _widened(op: DepthwiseConv2D, cpu: CpuClass, x: TensorType) -> list[str]:
    """Instructions that make the planes."""
    rows, _, channels = x.shape
    pairs = rows // 2
    expansion = Expansion(pairs, 2 * channels, dual=cpu.dual_issue)
    parts = [(0, channels, 0, expansion.lines())] if pairs else []
    if rows % 2:
        last = Expansion(1, channels, dual=cpu.dual_issue).lines(missing="lower")
        parts.append(((rows - 1) * channels, 0, pairs * COLUMN, last))
    return widen((-op.input_zero_point & 0xFFFF) * 0x10001, parts)
