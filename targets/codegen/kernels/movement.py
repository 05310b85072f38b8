"""Kernels that move whole tensors: concatenation, padding, slicing, transposition, resizing.

They take their inputs as one row each. Plain loops; gcc turns the contiguous ones into memcpy.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from edgewright.converter.ops.concat import Concat
from edgewright.converter.ops.pad import Pad
from edgewright.converter.ops.resize_nearest import ResizeNearest
from edgewright.converter.ops.slice import Slice
from edgewright.converter.ops.transpose import Transpose
from edgewright.converter.program import TensorType
from edgewright.targets.codegen.row_kernel import RowInput, RowKernel


def _shape(shape: tuple[int, ...]) -> str:
    return "(" + ", ".join(str(n) for n in shape) + ",)"


def _whole(
    family: str,
    inputs: tuple[TensorType, ...],
    y: TensorType,
    parameters: str,
    body: str,
    arguments: tuple[str, ...] = (),
) -> RowKernel:
    script = f"""
@T.prim_func(s_tir=True)
def f({parameters}):
    T.func_attr({{"global_symbol": "f", "tirx.noalias": True}})
{body}"""
    return RowKernel(
        family=family,
        script=script,
        arguments=(*(f"rows[{i}]" for i in range(len(inputs))), *arguments, "out"),
        inputs=tuple(RowInput(1, x.size_bytes) for x in inputs),
        out_rows=1,
        out_row_bytes=y.size_bytes,
        headers=("ew_math.h",),
        reason="moves data",
    )


def concat_kernel(op: Concat, *inputs: TensorType) -> RowKernel:
    """Inputs after each other along one axis of HWC."""
    y = op.output_type(*inputs)
    parameters = ", ".join(f'A{i}: T.Buffer({_shape(x.shape)}, "{x.dtype}")' for i, x in enumerate(inputs))
    body, start = "", 0
    for i, x in enumerate(inputs):
        index = ["vh", "vw", "vc"]
        index[op.axis] += f" + {start}"
        body += f"""    for h, w, c in T.grid({", ".join(map(str, x.shape))}):
        with T.sblock("copy{i}"):
            vh, vw, vc = T.axis.remap("SSS", [h, w, c])
            Y[{", ".join(index)}] = A{i}[vh, vw, vc]
"""
        start += x.shape[op.axis]
    parameters += f', Y: T.Buffer({_shape(y.shape)}, "{y.dtype}")'
    return _whole("concat", inputs, y, parameters, body)


def pad_kernel(op: Pad, x: TensorType) -> RowKernel:
    """The whole output is filled, then the input copied into it."""
    y = op.output_type(x)
    value = f'T.cast({op.value}, "{y.dtype}")'
    body = f"""    for i, j, k in T.grid({", ".join(map(str, y.shape))}):
        with T.sblock("fill"):
            vi, vj, vk = T.axis.remap("SSS", [i, j, k])
            Y[vi, vj, vk] = {value}
    for h, w, c in T.grid({", ".join(map(str, x.shape))}):
        with T.sblock("copy"):
            vh, vw, vc = T.axis.remap("SSS", [h, w, c])
            Y[vh + {op.padding.top}, vw + {op.padding.left}, vc + {op.channels_before}] = A[vh, vw, vc]
"""
    parameters = f'A: T.Buffer({_shape(x.shape)}, "{x.dtype}"), Y: T.Buffer({_shape(y.shape)}, "{y.dtype}")'
    return _whole("pad", (x,), y, parameters, body)


def slice_kernel(op: Slice, x: TensorType) -> RowKernel:
    """Every step-th element from begin on, along each axis."""
    y = op.output_type(x)
    index = ", ".join(
        f"{v} * {step} + {begin}"
        for v, begin, step in zip(("vh", "vw", "vc"), op.begin, op.step, strict=True)
    )
    body = f"""    for h, w, c in T.grid({", ".join(map(str, y.shape))}):
        with T.sblock("copy"):
            vh, vw, vc = T.axis.remap("SSS", [h, w, c])
            Y[vh, vw, vc] = A[{index}]
"""
    parameters = f'A: T.Buffer({_shape(x.shape)}, "{x.dtype}"), Y: T.Buffer({_shape(y.shape)}, "{y.dtype}")'
    return _whole("slice", (x,), y, parameters, body)


def transpose_kernel(op: Transpose, x: TensorType) -> RowKernel:
    """y = x seen as `view`, its axes permuted."""
    y = op.output_type(x)
    rank = len(op.view)
    permuted = tuple(op.view[a] for a in op.axes)
    names = [f"v{i}" for i in range(rank)]
    source = [names[op.axes.index(a)] for a in range(rank)]
    loops = ", ".join(f"i{i}" for i in range(rank))
    remap = (
        f'{", ".join(names)} = T.axis.remap("{"S" * rank}", [{loops}])'
        if rank > 1
        else f"v0 = T.axis.spatial({permuted[0]}, i0)"
    )
    body = f"""    for {loops} in T.grid({", ".join(map(str, permuted))}):
        with T.sblock("copy"):
            {remap}
            Y[{", ".join(names)}] = A[{", ".join(source)}]
"""
    parameters = f'A: T.Buffer({_shape(op.view)}, "{x.dtype}"), Y: T.Buffer({_shape(permuted)}, "{y.dtype}")'
    return _whole("transpose", (x,), y, parameters, body)


def resize_kernel(op: ResizeNearest, x: TensorType) -> RowKernel:
    """y[r, c] = x[rows[r], columns[c]] with the indices in flash."""
    y = op.output_type(x)
    body = f"""    for h, w, c in T.grid({", ".join(map(str, y.shape))}):
        with T.sblock("copy"):
            vh, vw, vc = T.axis.remap("SSS", [h, w, c])
            Y[vh, vw, vc] = A[R[vh], C[vw], vc]
"""
    parameters = (
        f'A: T.Buffer({_shape(x.shape)}, "{x.dtype}"), R: T.Buffer(({y.shape[0]},), "int32"), '
        f'C: T.Buffer(({y.shape[1]},), "int32"), Y: T.Buffer({_shape(y.shape)}, "{y.dtype}")'
    )
    kernel = _whole("resize", (x,), y, parameters, body, ("c[0]", "c[1]"))
    return replace(kernel, constants=(op.rows.astype(np.int32), op.columns.astype(np.int32)))
