"""Row kernel for Helium of additions that equal one linear form: sixteen elements at a time."""

from __future__ import annotations

import numpy as np

from edgewright.converter.ops.binary import Add
from edgewright.converter.program import TensorType
from edgewright.targets.codegen.kernels.linear_sum import linear_sum
from edgewright.targets.codegen.row_kernel import RowInput, RowKernel

# Largest immediates of the narrowing shifts: from 32 to 16 bits, from 16 to 8.
LONG, SHORT = 16, 8
# Bytes as four vectors of four are interleaved when they are narrowed.
ORDER = np.arange(16).reshape(4, 4)[[0, 2, 1, 3]].T.reshape(-1)


def add_mve_kernel(op: Add, a: TensorType, b: TensorType) -> RowKernel | None:
    """[W, C] + [W, C] -> [W, C]; None where shapes differ or there is no linear form."""
    form = linear_sum(op) if a.shape == b.shape else None
    if form is None or not 2 <= form.shift <= LONG + SHORT:
        return None
    long = min(LONG, form.shift - 1)
    # The shifts round: halves of both are taken out of the constant.
    constant = form.constant - (1 << (long - 1)) - (1 << (form.shift - 1))
    if constant - 128 * sum(abs(f) for f in form.factors) < -(1 << 31):
        return None
    elements = a.shape[1] * a.shape[2]
    name = f"ew_add_linear_{long}_{form.shift - long}_mve"
    source = f"""#ifndef {name.upper()}
#define {name.upper()}
EW_ADD_LINEAR_MVE({name}, {long}, {form.shift - long})
#endif
static void f(const int8_t *a, const int8_t *b, int8_t *y, const ew_linear *g) {{
  {name}(a, b, y, {elements}, g);
}}
"""
    numbers = np.array([*form.factors, constant, *op.clamp], np.int32)
    return RowKernel(
        family=f"{op.kind}_{elements}",
        script="",
        source=source,
        arguments=("rows[0]", "rows[1]", "out", "c[0]"),
        may_alias=True,
        inputs=(RowInput(a.shape[0], a.row_bytes), RowInput(b.shape[0], b.row_bytes)),
        out_rows=a.shape[0],
        out_row_bytes=elements,
        constants=(np.concatenate([ORDER.astype(np.uint8).view(np.int32), numbers]),),
        headers=("ew_add_linear_mve.h",),
        variant="Helium, linear form, 16 elements",
        reason="Helium, one linear form for all pairs of inputs, 16 elements at a time",
        work={
            "add_mve": 1,
            "add_mve_16": elements // 16,
            "add_mve_4": -(-(elements % 16) // 4),
        },
    )
