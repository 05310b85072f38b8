"""Kernels that move one row a call: those for whole tensors, applied to a row, and how rows are walked over.

None where the rows of the output do not follow those of the input at an even pace.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from edgewright.converter.ops.concat import Concat
from edgewright.converter.ops.pad import Pad
from edgewright.converter.ops.resize_nearest import ResizeNearest
from edgewright.converter.ops.slice import Slice
from edgewright.converter.program import TensorType
from edgewright.targets.codegen.kernels.movement import (
    concat_kernel,
    pad_kernel,
    resize_kernel,
    slice_kernel,
)
from edgewright.targets.codegen.row_kernel import RowInput, RowKernel


def _row(x: TensorType) -> TensorType:
    return replace(x, shape=(1, x.shape[1], x.shape[2]))


def concat_stream_kernels(op: Concat, *inputs: TensorType) -> tuple[RowKernel]:
    """[W, C] of every input -> [W', C']; along rows, the row of the only input that has one."""
    rows = op.output_type(*inputs).shape[0]
    if op.axis == 0:
        return (_joined_rows(inputs, rows),)
    views = tuple(RowInput(rows, x.row_bytes) for x in inputs)
    return (replace(concat_kernel(op, *map(_row, inputs)), inputs=views, out_rows=rows),)


def _joined_rows(inputs: tuple[TensorType, ...], rows: int) -> RowKernel:
    row_bytes = inputs[0].row_bytes
    views, start = [], 0
    for x in inputs:
        views.append(RowInput(x.shape[0], row_bytes, pad_top=start, pad_value=None))
        start += x.shape[0]
    return RowKernel(
        family="concat",
        script="",
        source=f"""static void f(const void *const *rows, void *out) {{
  while (!*rows) rows++;
  memcpy(out, *rows, {row_bytes});
}}
""",
        arguments=("rows", "out"),
        inputs=tuple(views),
        out_rows=rows,
        out_row_bytes=row_bytes,
        headers=("ew_math.h",),
        reason="moves data",
    )


def pad_stream_kernels(op: Pad, x: TensorType) -> tuple[RowKernel] | None:
    """[W, C] -> [W', C']; rows above and below are rows of the value, so they have to be bytes."""
    if x.row_bytes != x.shape[1] * x.shape[2] and op.value != 0:
        return None
    columns_only = replace(op, padding=replace(op.padding, top=0, bottom=0))
    signed = (op.value + 128) % 256 - 128
    kernel = replace(
        pad_kernel(columns_only, _row(x)),
        inputs=(RowInput(x.shape[0], x.row_bytes, pad_top=op.padding.top, pad_value=signed),),
        out_rows=op.output_type(x).shape[0],
    )
    return (kernel,)


def slice_stream_kernels(op: Slice, x: TensorType) -> tuple[RowKernel] | None:
    """[W, C] -> [W', C'], rows in their order."""
    rows = op.ranges()[0]
    if len(rows) > 1 and rows.step < 0:
        return None
    one_row = replace(op, begin=(0, *op.begin[1:]), end=(1, *op.end[1:]), step=(1, *op.step[1:]))
    kernel = replace(
        slice_kernel(one_row, _row(x)),
        inputs=(RowInput(x.shape[0], x.row_bytes, stride=max(1, rows.step), pad_top=-rows.start),),
        out_rows=len(rows),
    )
    return (kernel,)


def resize_stream_kernels(op: ResizeNearest, x: TensorType) -> tuple[RowKernel] | None:
    """[W, C] -> [W', C], where every row is repeated equally often or an equal number is left out."""
    first = int(op.rows[0])
    repeat = int(np.argmax(op.rows != first)) or op.rows.size
    stride = int(op.rows[repeat]) - first if repeat < op.rows.size else 1
    even = np.arange(op.rows.size) // repeat * stride + first
    if stride < 1 or not np.array_equal(op.rows, even):
        return None
    one_row = replace(op, rows=np.zeros(1, np.int32))
    kernel = replace(
        resize_kernel(one_row, _row(x)),
        inputs=(RowInput(x.shape[0], x.row_bytes, stride=stride, pad_top=-first, repeat=repeat),),
        out_rows=op.rows.size,
    )
    return (kernel,)
