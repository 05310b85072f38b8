"""Sums and pools with little code: an element at a time, everything about the layer as data."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from edgewright.converter.ops.average_pool import AveragePool
from edgewright.converter.ops.binary import Add
from edgewright.converter.ops.max_pool import MaxPool
from edgewright.converter.program import TensorType
from edgewright.targets.codegen.kernels.function_bytes import CALL_BYTES, functions
from edgewright.targets.codegen.kernels.linear_sum import linear_sum
from edgewright.targets.codegen.kernels.pool import pool_kernel
from edgewright.targets.codegen.row_kernel import RowInput, RowKernel
from edgewright.targets.cpu import CpuClass

VARIANT = "compact"


def compact_pool_kernels(op: AveragePool | MaxPool, cpu: CpuClass, x: TensorType) -> tuple[RowKernel, ...]:
    """The pool that takes one channel at a time; none where the usual kernel does so anyway.

    Args:
        op: The pool.
        cpu: Class of core.
        x: Type of its input.
    """
    usual, name = pool_kernel(op, cpu, x), "average_pool" if isinstance(op, AveragePool) else "max_pool"
    if cpu.name != "dsp" or usual.family == name:
        return ()
    return (
        replace(
            usual,
            family=name,
            call=f"ew_{name}",
            headers=("ew_pool.h",),
            shared_code=functions(cpu, [f"ew_{name}"]),
            variant=VARIANT,
            reason="channel by channel, least code",
        ),
    )


def compact_add_kernels(op: Add, cpu: CpuClass, a: TensorType, b: TensorType) -> tuple[RowKernel, ...]:
    """[W, C] + [W, C] by one linear form; none where the shapes differ or there is no such form.

    Args:
        op: The sum or difference.
        cpu: Class of core.
        a: Type of the first input.
        b: Type of the second input.
    """
    form = linear_sum(op) if cpu.name == "dsp" and a.shape == b.shape else None
    if form is None:
        return ()
    rows, columns, channels = a.shape
    count = columns * channels
    numbers = (*form.factors, form.constant, form.shift, count, *op.clamp)
    return (
        RowKernel(
            family="add_compact",
            script="",
            call="ew_add_compact",
            arguments=("rows[0]", "rows[1]", "out", "c[0]"),
            inputs=(RowInput(rows, a.row_bytes), RowInput(rows, b.row_bytes)),
            out_rows=rows,
            out_row_bytes=count,
            constants=(np.array(numbers, np.int32),),
            headers=("ew_compact_dsp.h",),
            code_bytes=2 * CALL_BYTES,
            shared_code=functions(cpu, ["ew_add_compact"]),
            variant=VARIANT,
            reason="element by element, least code",
            work={"compact_add": 1, "compact_add_element": count},
        ),
    )
