"""Kernels of means over any axes: strided sums, one output after the other."""

from __future__ import annotations

from dataclasses import replace
from math import prod

import numpy as np
import numpy.typing as npt

from edgewright.converter.ops.mean import Mean
from edgewright.converter.program import TensorType
from edgewright.targets.codegen.row_kernel import RowInput, RowKernel

HEADERS = ("ew_math.h", "ew_mean.h")


def _geometry(op: Mean, part: TensorType, parts: int = 1) -> npt.NDArray[np.int32]:
    """Constants of ew_mean.h for one of so many equal parts that are summed."""
    strides = (part.shape[1] * part.shape[2], part.shape[2], 1)
    kept = [i for i in range(3) if i not in op.axes]
    taken = [i for i in range(3) if i in op.axes]
    geometry: list[int] = []
    for axes in (kept, taken):
        walked = _joined([(part.shape[i], strides[i]) for i in axes])
        padded = [(1, 0)] * (3 - len(walked)) + walked
        geometry += [v for pair in padded for v in pair]
    geometry += [op.input_zero_point * parts * prod(part.shape[i] for i in taken), op.multiplier, op.shift]
    return np.array([*geometry, op.output.zero_point], np.int32)


def _joined(axes: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """(count, stride) of axes, outermost first, those that follow each other without a gap as one."""
    found: list[tuple[int, int]] = []
    for count, stride in axes:
        if found and found[-1][1] == count * stride:
            count *= found.pop()[0]
        found.append((count, stride))
    return found


def _name(op: Mean, x: TensorType) -> str:
    """Micro-kernels without "ew_": those of four channels at a time, where channels are kept."""
    return "mean" if 2 in op.axes or x.shape[2] % 4 else "mean_fours"


def mean_kernel(op: Mean, x: TensorType) -> RowKernel:
    """[W, C] -> one row of the output; the whole tensor where the mean goes over rows."""
    rows = 1 if 0 in op.axes else x.shape[0]
    part = replace(x, shape=(x.shape[0] // rows, x.shape[1], x.shape[2]))
    name = _name(op, x)
    return RowKernel(
        family=name,
        script="",
        call=f"ew_{name}",
        arguments=("rows[0]", "out", "c[0]"),
        inputs=(RowInput(rows, part.size_bytes),),
        out_rows=rows,
        out_row_bytes=op.output_type(part).size_bytes,
        constants=(_geometry(op, part),),
        headers=HEADERS,
        reason="4 channels at a time" if name == "mean_fours" else "strided sums",
    )


def mean_stream_kernels(op: Mean, x: TensorType) -> tuple[RowKernel, ...] | None:
    """Kernels for a tensor that arrives row by row; None where the sums could leave int32."""
    rows = x.shape[0]
    if 0 not in op.axes or rows == 1:
        return (mean_kernel(op, x),)
    if 255 * prod(x.shape[i] for i in op.axes) >= 2**31:
        return None
    count = op.output_type(x).elements
    geometry = _geometry(op, replace(x, shape=(1, x.shape[1], x.shape[2])), rows)
    arguments = ("rows[0]", "out", str(count), "c[0]")
    return accumulating_kernels(_name(op, x), x, count, geometry, arguments, HEADERS, finish="mean")


def accumulating_kernels(
    name: str,
    x: TensorType,
    count: int,
    geometry: npt.NDArray[np.int32],
    finish_arguments: tuple[str, ...],
    headers: tuple[str, ...],
    finish: str = "",
) -> tuple[RowKernel, RowKernel]:
    """The kernel that adds a row to int32 sums, and the one that makes the only output row of them.

    Args:
        name: The micro-kernels are ew_<name>_add(row, sums, geometry) and ew_<finish>_finish.
        x: The input.
        count: Number of sums and of outputs.
        geometry: Constants of both.
        finish_arguments: Of ew_<name>_finish.
        headers: Where they are.
        finish: Where its name is another one than `name`.
    """
    rows, finish = x.shape[0], finish or name
    add = RowKernel(
        family=f"{name}_add",
        script="",
        call=f"ew_{name}_add",
        arguments=("rows[0]", "out", "c[0]"),
        inputs=(RowInput(rows, x.row_bytes),),
        out_rows=rows,
        out_row_bytes=4 * count,
        constants=(geometry,),
        headers=headers,
        reason="adds row by row",
        accumulates=True,
    )
    last = RowKernel(
        family=f"{finish}_finish",
        script="",
        call=f"ew_{finish}_finish",
        arguments=finish_arguments,
        # The sums as they are after the last row.
        inputs=(RowInput(rows, 4 * count, pad_top=1 - rows),),
        out_rows=1,
        out_row_bytes=count,
        constants=(geometry,),
        headers=headers,
        reason="means of sums",
    )
    return add, last
