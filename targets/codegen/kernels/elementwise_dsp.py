"""Sums and products of int8 rows on DSP cores, four elements at a time (`ew_add_dsp.h`, `ew_mul_dsp.h`)."""

from __future__ import annotations

import numpy as np

from edgewright.converter.ops.binary import Add, Mul
from edgewright.converter.ops.fixed_point import Int32Array
from edgewright.converter.program import TensorType
from edgewright.targets.codegen.kernels.function_bytes import CALL_BYTES, functions
from edgewright.targets.codegen.kernels.linear_sum import LinearSum, linear_sum
from edgewright.targets.codegen.row_kernel import RowInput, RowKernel
from edgewright.targets.cpu import DSP

FULL_CLAMP = (-128, 127)
# With larger shifts the zero point of a product's constant could leave int32.
LARGEST_SHIFT = 20


def linear_arguments(op: Add, form: LinearSum) -> str:
    """Literals of ew_linear_sum behind the operands."""
    return ", ".join(str(n) for n in (*form.factors, form.constant, form.shift, *op.clamp))


def dsp_binary_kernel(op: Add | Mul, a: TensorType, b: TensorType) -> RowKernel | None:
    """[W, C] op [W, C], or op [1, C] for every pixel; None where these forms are not exact or do not fit."""
    rows, channels = a.shape[0], a.shape[2]
    same, channelwise = b.shape == a.shape, b.shape[1:] == (1, channels) and channels % 4 == 0
    if op.clamp != FULL_CLAMP or not (same or (channelwise and b.shape[0] in (1, rows))):
        return None
    if isinstance(op, Add):
        form = linear_sum(op)
        return (
            None
            if form is None
            else _kernel(op, a, b, form.shift, _sum_constants(form), *_sum_text(op, form))
        )
    shift = -op.output_shift
    if not 1 <= shift <= LARGEST_SHIFT:
        return None
    return _kernel(op, a, b, shift, _product_constants(op), "mul", _product_text(op, shift))


def _sum_constants(form: LinearSum) -> Int32Array:
    mask = np.array([0xFF00FF00], np.uint32).astype(np.int32)
    return np.concatenate([[f << 8 for f in form.factors], [form.constant], mask]).astype(np.int32)


def _sum_text(op: Add, form: LinearSum) -> tuple[str, str]:
    """(micro-kernel, C of one element)."""
    return "add", f"ew_linear_sum(a[i], b[i], {linear_arguments(op, form)})"


def _product_constants(op: Mul) -> Int32Array:
    shift = -op.output_shift
    halves = [(-zero & 0xFFFF) * 0x10001 for zero in op.zero_points]
    constant = (1 << (shift - 1)) + (op.output.zero_point << shift)
    words = np.array([*halves, op.output_multiplier, constant & 0xFFFFFFFF], np.uint64)
    return words.astype(np.uint32).astype(np.int32)


def _product_text(op: Mul, shift: int) -> str:
    product = f"(a[i] - {op.zero_points[0]}) * (b[i] - {op.zero_points[1]})"
    tail = f"{shift}, {op.output.zero_point}, {op.clamp[0]}, {op.clamp[1]}"
    return f"ew_requantize_bounded({product}, {op.output_multiplier}, {tail})"


def _kernel(
    op: Add | Mul,
    a: TensorType,
    b: TensorType,
    shift: int,
    constants: Int32Array,
    micro_kernel: str,
    one: str,
) -> RowKernel:
    """Runs of all elements, or of the channels of one pixel after the other.

    Args:
        op: The operation.
        a: First input.
        b: Second input, with one column where it repeats.
        shift: Of the micro-kernel, which is made for it.
        constants: Of the micro-kernel.
        micro_kernel: "add" or "mul".
        one: C of a single element, for those behind the last four.
    """
    rows, columns, channels = a.shape
    runs, count = (1, columns * channels) if a.shape == b.shape else (columns, channels)
    fours, rest = divmod(count, 4)
    name = f"ew_{micro_kernel}_dsp_{shift}"
    tail = f"  for (int32_t i = {4 * fours}; i < {count}; i++) y[i] = {one};\n" if rest else ""
    body = f"  {name}(a, b, y, {fours}, k);\n"
    if runs > 1:
        loop = f"  for (int32_t w = 0; w < {runs}; w++, a += {count}, y += {count})"
        body = f"{loop} {name}(a, b, y, {fours}, k);\n"
    source = f"""#ifndef {name.upper()}
#define {name.upper()}
EW_{micro_kernel.upper()}_DSP({name}, {shift})
#endif
static void f(const int8_t *a, const int8_t *b, int8_t *y, const int32_t *k) {{
{body}{tail}}}
"""
    kind = f"{op.kind}_fours" if runs == 1 else f"{op.kind}_channels"
    return RowKernel(
        family=f"{kind}_{runs}x{count}",
        script="",
        source=source,
        arguments=("rows[0]", "rows[1]", "out", "c[0]"),
        may_alias=True,
        inputs=(
            RowInput(rows, a.row_bytes),
            RowInput(b.shape[0], b.row_bytes, stride=0 if b.shape[0] == 1 < rows else 1),
        ),
        out_rows=rows,
        out_row_bytes=columns * channels,
        constants=(constants,),
        headers=(f"ew_{micro_kernel}_dsp.h",),
        code_bytes=(4 + 2 * (runs > 1) + 9 * (rest > 0)) * CALL_BYTES,
        shared_code=functions(DSP, [name]),
        variant="4 elements at a time",
        reason="4 elements at a time" + (", one linear form for all pairs" if micro_kernel == "add" else ""),
    )
