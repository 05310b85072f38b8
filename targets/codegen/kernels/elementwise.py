"""Row kernels of element-wise ops: binary arithmetic, tables, conversions to and from float."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from edgewright.converter.ops.binary import Add, Mul
from edgewright.converter.ops.lookup import Lookup
from edgewright.converter.ops.quantize import Dequantize, Quantize
from edgewright.converter.ops.requantize import DTYPE_RANGE
from edgewright.converter.program import ITEM_BYTES, TensorType
from edgewright.targets.codegen.kernels.add_mve import add_mve_kernel
from edgewright.targets.codegen.kernels.elementwise_dsp import dsp_binary_kernel, linear_arguments
from edgewright.targets.codegen.kernels.linear_sum import linear_sum
from edgewright.targets.codegen.row_kernel import RowInput, RowKernel
from edgewright.targets.cpu import CpuClass


def _rows(x: TensorType, out_rows: int) -> RowInput:
    """A row of its own for every output row, or the only row again and again."""
    return RowInput(x.shape[0], x.row_bytes, stride=0 if x.shape[0] == 1 < out_rows else 1)


def _int32(element: str) -> str:
    return f'T.cast({element}, "int32")'


def _requantized(op: Add | Mul, value: str, *, bounded: bool) -> str:
    tail = f"{op.output.zero_point}, {op.clamp[0]}, {op.clamp[1]}"
    if bounded and -30 <= op.output_shift <= -1:
        factor = f"{op.output_multiplier}, {-op.output_shift}"
        return f'T.call_pure_extern("int8", "ew_requantize_bounded", {value}, {factor}, {tail})'
    factor = f"{op.output_multiplier}, {op.output_shift}"
    return f'T.call_pure_extern("int8", "ew_requantize", {value}, {factor}, {tail})'


def _sum(op: Add, a: str, b: str) -> str:
    """TVMScript of a sum; both addends stay below 2^28, so their sum is bounded."""
    form = linear_sum(op)
    if form is not None:
        operands = f"{_int32(a)}, {_int32(b)}, {linear_arguments(op, form)}"
        return f'T.call_pure_extern("int8", "ew_linear_sum", {operands})'

    def rescaled(x: str, i: int) -> str:
        factors = f"{op.zero_points[i]}, {op.left_shift}, {op.multipliers[i]}, {-op.shifts[i]}"
        return f'T.call_pure_extern("int32", "ew_rescale", {_int32(x)}, {factors})'

    sign = "+" if op.sign > 0 else "-"
    return _requantized(op, f"{rescaled(a, 0)} {sign} {rescaled(b, 1)}", bounded=True)


def _product(op: Mul, a: str, b: str) -> str:
    zero_a, zero_b = op.zero_points
    return _requantized(op, f"({_int32(a)} - {zero_a}) * ({_int32(b)} - {zero_b})", bounded=True)


def _vector_sum(op: Add, x: TensorType) -> RowKernel:
    """Sum of two rows of equal shape in vectors."""
    elements = x.shape[1] * x.shape[2]
    parameters = [
        *(op.zero_points[0], op.multipliers[0], op.shifts[0]),
        *(op.zero_points[1], op.multipliers[1], op.shifts[1]),
        *(op.left_shift, op.sign, op.output_multiplier, op.output_shift),
        *(op.output.zero_point, *op.clamp),
    ]
    return RowKernel(
        family="add_mve",
        script="",
        call="ew_add_mve",
        arguments=("rows[0]", "rows[1]", "out", str(elements), "c[0]"),
        inputs=(RowInput(x.shape[0], x.row_bytes), RowInput(x.shape[0], x.row_bytes)),
        out_rows=x.shape[0],
        out_row_bytes=elements,
        constants=(np.array(parameters, np.int32),),
        headers=("ew_add_mve.h",),
        reason="Helium, 4 elements at a time",
    )


def binary_kernel(op: Add | Mul, cpu: CpuClass, a: TensorType, b: TensorType) -> RowKernel:
    """[W, C] op [W, C] -> [W, C]; a dimension of 1 is repeated."""
    if cpu.name == "mve" and isinstance(op, Add) and a.shape == b.shape:
        return add_mve_kernel(op, a, b) or _vector_sum(op, a)
    fours = dsp_binary_kernel(op, a, b) if cpu.name == "dsp" else None
    if fours is not None:
        return fours
    rows, columns, channels = op.output_type(a, b).shape

    def element(name: str, x: TensorType) -> str:
        return f"{name}[{'vw' if x.shape[1] > 1 else '0'}, {'vc' if x.shape[2] > 1 else '0'}]"

    value = (
        _sum(op, element("A", a), element("B", b))
        if isinstance(op, Add)
        else _product(op, element("A", a), element("B", b))
    )
    script = f"""
@T.prim_func(s_tir=True)
def f(A: T.Buffer(({a.shape[1]}, {a.shape[2]}), "int8"), B: T.Buffer(({b.shape[1]}, {b.shape[2]}), "int8"),
      Y: T.Buffer(({columns}, {channels}), "int8")):
    T.func_attr({{"global_symbol": "f"}})
    for w, c in T.grid({columns}, {channels}):
        with T.sblock("element"):
            vw, vc = T.axis.remap("SS", [w, c])
            Y[vw, vc] = {value}
"""
    return RowKernel(
        family=f"{op.kind}_{columns}x{channels}",
        script=script,
        arguments=("rows[0]", "rows[1]", "out"),
        may_alias=True,
        inputs=(_rows(a, rows), _rows(b, rows)),
        out_rows=rows,
        out_row_bytes=columns * channels,
        headers=("ew_math.h", "ew_elementwise.h"),
        reason="element by element",
    )


def _unary(
    family: str, x: TensorType, y: TensorType, value: str, extra: str, arguments: tuple[str, ...]
) -> RowKernel:
    elements = x.shape[1] * x.shape[2]
    script = f"""
@T.prim_func(s_tir=True)
def f(A: T.Buffer(({elements},), "{x.dtype}"), {extra}Y: T.Buffer(({elements},), "{y.dtype}")):
    T.func_attr({{"global_symbol": "f"}})
    for i in range({elements}):
        with T.sblock("element"):
            v = T.axis.spatial({elements}, i)
            Y[v] = {value}
"""
    return RowKernel(
        family=f"{family}_{elements}",
        script=script,
        arguments=("rows[0]", *arguments, "out"),
        may_alias=True,
        inputs=(RowInput(x.shape[0], x.row_bytes),),
        out_rows=x.shape[0],
        out_row_bytes=elements * ITEM_BYTES[y.dtype],
        headers=("ew_math.h", "ew_elementwise.h"),
        reason="element by element",
    )


def lookup_kernel(op: Lookup, x: TensorType) -> RowKernel:
    """[W, C] -> [W, C] through a table of 256 entries."""
    elements = x.shape[1] * x.shape[2]
    # The micro-kernel takes the input's bits as uint8: of int8, 0 .. 127 come first.
    table = np.roll(op.table, DTYPE_RANGE[op.input_dtype][0])
    return RowKernel(
        family=f"lookup_{elements}",
        script="",
        call="ew_lookup",
        arguments=("rows[0]", "out", "c[0]", str(elements)),
        may_alias=True,
        inputs=(RowInput(x.shape[0], x.row_bytes),),
        out_rows=x.shape[0],
        out_row_bytes=elements,
        constants=(table,),
        headers=("ew_lookup.h",),
        reason=f"table of {op.source}",
    )


def quantize_kernel(op: Quantize, x: TensorType) -> RowKernel:
    """float32 [W, C] -> int8 or uint8 [W, C]."""
    low, high = DTYPE_RANGE[op.dtype]
    call = f'T.call_pure_extern("int32", "ew_quantize", A[v], P[0], {op.output.zero_point}, {low}, {high})'
    kernel = _unary(
        "quantize",
        x,
        op.output_type(x),
        f'T.cast({call}, "{op.dtype}")',
        'P: T.Buffer((1,), "float32"), ',
        ("c[0]",),
    )
    return replace(kernel, constants=(np.array([op.output.scale], np.float32),))


def dequantize_kernel(op: Dequantize, x: TensorType) -> RowKernel:
    """int8 or uint8 [W, C] -> float32 [W, C]."""
    value = f'P[0] * T.cast(T.cast(A[v], "int32") - {op.input.zero_point}, "float32")'
    kernel = _unary("dequantize", x, op.output_type(x), value, 'P: T.Buffer((1,), "float32"), ', ("c[0]",))
    return replace(kernel, constants=(np.array([op.input.scale], np.float32),))
