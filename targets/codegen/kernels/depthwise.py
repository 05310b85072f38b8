"""Row kernels of depthwise convolutions: four channels at a time, border columns peeled.

TensorIR walks the channel quads; a run of pixels that use the same kernel columns is one call of a
micro-kernel (`ew_depthwise.h`). Columns outside the tensor are left out and their zero-point share is
given back, so rows carry no padding.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from edgewright.converter.ops.depthwise import DepthwiseConv2D
from edgewright.converter.ops.weight_format import WeightFormat, weight_format
from edgewright.converter.program import TensorType
from edgewright.targets.codegen.kernels.depthwise_mve import depthwise_strip_kernel
from edgewright.targets.codegen.kernels.function_bytes import CALL_BYTES, functions
from edgewright.targets.codegen.kernels.geometry import window_input
from edgewright.targets.codegen.kernels.packed_layout import storage
from edgewright.targets.codegen.kernels.packed_taps import pack_taps, unpack_arguments
from edgewright.targets.codegen.kernels.packed_work import unpack_work
from edgewright.targets.codegen.kernels.requantization import epilogue
from edgewright.targets.codegen.kernels.work import depthwise_any_work, depthwise_work
from edgewright.targets.codegen.row_kernel import RowKernel
from edgewright.targets.cpu import CpuClass


def column_runs(
    columns: int, out_columns: int, width: int, stride: int, dilation: int, pad_left: int
) -> list[tuple[int, int, int, int, int]]:
    """Runs of output columns that use the same kernel columns.

    Returns:
        (first output column, count, input column of the first tap, first tap used, last tap + 1).

    >>> column_runs(5, 5, 3, 1, 1, 1)
    [(0, 1, -1, 1, 3), (1, 3, 0, 0, 3), (4, 1, 3, 0, 2)]
    """
    runs: list[tuple[int, int, int, int, int]] = []
    for x in range(out_columns):
        first = x * stride - pad_left
        taps = [k for k in range(width) if 0 <= first + k * dilation < columns]
        low, high = (taps[0], taps[-1] + 1) if taps else (0, 0)
        if runs and runs[-1][3:] == (low, high):
            start, count, column, _, _ = runs[-1]
            runs[-1] = (start, count + 1, column, low, high)
        else:
            runs.append((x, 1, first, low, high))
    return runs


def _geometry(op: DepthwiseConv2D, x: TensorType) -> npt.NDArray[np.int32]:
    channels = x.shape[2]
    height, width = op.window
    return np.array(
        [
            *(x.shape[1], channels, channels, height, width, op.dilation[1], op.input_zero_point),
            *(op.stride[1], op.requantize.output.zero_point, *op.requantize.clamp),
        ],
        np.int32,
    )


def _outside(op: DepthwiseConv2D, low: int, high: int) -> npt.NDArray[np.int64]:
    """Zero-point share of the kernel columns outside low .. high - 1, int64 [C].

    The bias subtracts zero_point * w for all taps; taps outside would have added it back.
    """
    weights = op.weights.astype(np.int64)
    left_out = weights.sum(axis=(0, 1)) - weights[:, low:high].sum(axis=(0, 1))
    return np.asarray(op.input_zero_point * left_out, np.int64)


def depthwise_kernel(op: DepthwiseConv2D, cpu: CpuClass, x: TensorType) -> RowKernel:
    """Row kernel of a depthwise convolution: [kh rows][W, C] -> [W', C * m]."""
    if cpu.name == "mve" and (strip := depthwise_strip_kernel(op, x)) is not None:
        return strip
    channels = x.shape[2]
    rows, columns, outputs = op.output_type(x).shape
    if op.multiplier != 1 or channels % 4:
        return _any_kernel(op, cpu, x)
    height, width = op.window
    by_channel = np.ascontiguousarray(op.weights.transpose(2, 0, 1))
    vector = cpu.name == "mve"
    forms = ("general",) if vector else ("relu", "bounded", "general")
    call = epilogue(op.requantize, by_channel, op.input_zero_point, forms)
    quads = channels // 4
    taps = height * width * 4
    stored = weight_format(op.weight_format)
    packed = pack_taps(
        op.weights.reshape(height * width, quads, 4).transpose(1, 0, 2).reshape(quads, -1), stored
    )
    words = packed.shape[1]
    runs = column_runs(x.shape[1], columns, width, op.stride[1], op.dilation[1], op.padding.left)
    calls = _micro_calls(op, runs, vector, call.form)
    lines = [_unpack_line(stored, taps)] if stored.packed else []
    lines += [_run_line(n, c, runs[n], op, packed=stored.packed) for n, c in enumerate(calls)]
    unpacked = f'U: T.Buffer(({taps},), "int8"), ' if stored.packed else ""
    script = f"""
@T.prim_func(s_tir=True)
def f(rows: T.handle, geometry: T.handle, W: T.Buffer(({quads}, {words}), "{packed.dtype}"),
      {unpacked}B: T.Buffer(({len(runs)}, {channels}), "int32"), K: T.Buffer(({quads}, 8), "int32"),
      Y: T.Buffer(({columns * channels},), "int8")):
    T.func_attr({{"global_symbol": "f", "tirx.noalias": True}})
    for q in range({quads}):
        with T.sblock("quad"):
            vq = T.axis.spatial({quads}, q)
            T.reads(W[vq, 0:{words}], B[0:{len(runs)}, vq * 4 : vq * 4 + 4], K[vq, 0:8])
            T.writes({f"U[0:{taps}], " if unpacked else ""}Y[0:{columns * channels}])
{"".join(lines)}"""
    factors = np.stack([v.reshape(quads, 4) for v in (call.multiplier, call.shift)], axis=1)
    biases = np.stack([call.bias + _outside(op, low, high) for _, _, _, low, high in runs])
    return RowKernel(
        family=f"dw{height}x{width}_{x.shape[1]}x{channels}",
        script=script,
        arguments=("rows", "c[0]", "c[1]", *(("scratch",) if unpacked else ()), "c[2]", "c[3]", "out"),
        outputs=("Y", "U"),
        # The output may overtake the input rows, which are read in the same call.
        may_alias=True,
        inputs=(window_input(op, x, op.input_zero_point),),
        out_rows=rows,
        out_row_bytes=columns * outputs,
        constants=(
            _geometry(op, x),
            packed,
            biases.astype(np.int32),
            np.ascontiguousarray(factors),
        ),
        headers=("ew_depthwise_mve.h" if vector else "ew_depthwise.h", *_headers(stored)),
        scratch_bytes=taps if unpacked else 0,
        code_bytes=CALL_BYTES * (4 + 5 * len(runs)),
        shared_code=functions(cpu, [f"ew_{name}" for name in calls]),
        reason=f"{_storage(stored)}4 channels at a time, borders peeled, {'Helium' if vector else call.form}",
        work=depthwise_work(
            [(name, run[1], run[4] - run[3]) for name, run in zip(calls, runs, strict=True)], quads, height
        )
        | (unpack_work(stored.bits, quads, quads * taps // 4) if unpacked else {}),
    )


def _micro_calls(
    op: DepthwiseConv2D, runs: Sequence[tuple[int, int, int, int, int]], vector: bool, form: str
) -> list[str]:
    """Names of the micro-kernels of the runs, without "ew_"."""
    names = []
    for _, _, _, low, high in runs:
        whole = high - low in ((3,) if vector else (2, 3))
        unrolled = whole and (*op.window, op.dilation[1]) == (3, 3, 1)
        names.append(f"depthwise_{f'3x{high - low}_' if unrolled else ''}{'mve' if vector else form}")
    return names


def _run_line(
    n: int, name: str, run: tuple[int, int, int, int, int], op: DepthwiseConv2D, *, packed: bool
) -> str:
    """TVMScript: the n-th run of pixels of four channels."""
    start, count, first, low, high = run
    weights = "U.data" if packed else "T.address_of(W[vq, 0])"
    constants = f"{weights}, T.address_of(B[{n}, vq * 4]), T.address_of(K[vq, 0]), geometry"
    output = f"T.address_of(Y[{start * op.weights.shape[2]}])"
    column = first + low * op.dilation[1]
    call = f'"int32", "ew_{name}", rows, {output}, {column}, {count}, {low}, {high}, vq * 4, {constants}'
    return f"            T.evaluate(T.call_extern({call}))\n"


def _unpack_line(stored: WeightFormat, count: int) -> str:
    """TVMScript: the weights of four channels are unpacked to scratch memory."""
    arguments = unpack_arguments(stored, "T.address_of(W[vq, 0])", "U.data", count)
    return f'            T.evaluate(T.call_extern("int32", "ew_packed_unpack{stored.bits}", {arguments}))\n'


def _headers(stored: WeightFormat) -> tuple[str, ...]:
    return ("ew_packed_unpack.h",) if stored.packed else ()


def _storage(stored: WeightFormat) -> str:
    return f"{storage(stored)}: " if stored.packed else ""


def _any_kernel(op: DepthwiseConv2D, cpu: CpuClass, x: TensorType) -> RowKernel:
    stored = weight_format(op.weight_format)
    rows, columns, outputs = op.output_type(x).shape
    zero = op.input_zero_point
    bias = op.requantize.bias.astype(np.int64) - zero * op.weights.astype(np.int64).sum(axis=(0, 1))
    wrapped = bias.astype(np.uint64).astype(np.uint32).astype(np.int32)
    arguments = [
        "rows",
        "out",
        str(columns),
        str(op.padding.left),
        str(op.multiplier),
        "c[1]",
        "c[2]",
        "c[0]",
    ]
    call, source = "ew_depthwise_any", ""
    work = depthwise_any_work(columns, outputs, op.window)
    weights, count = op.weights, -(-op.weights.size // 4) * 4
    if stored.packed:
        arguments[5] = "scratch"
        call, source = "", _unpacking_any(stored, count)
        arguments.append("c[1]")
        work |= unpack_work(stored.bits, 1, count // 4)
        filled = np.full((1, count), stored.offset, np.int8)
        filled[0, : op.weights.size] = op.weights.reshape(-1)
        weights = pack_taps(filled, stored)
    return RowKernel(
        family=f"dw_any_{x.shape[1]}x{x.shape[2]}",
        script="",
        call=call,
        source=source,
        arguments=tuple(arguments),
        inputs=(window_input(op, x, op.input_zero_point),),
        out_rows=rows,
        out_row_bytes=columns * outputs,
        constants=(
            _geometry(op, x),
            np.ascontiguousarray(weights),
            np.stack([wrapped, op.requantize.multiplier, op.requantize.shift]).astype(np.int32),
        ),
        headers=("ew_depthwise.h", *_headers(stored)),
        scratch_bytes=count if stored.packed else 0,
        code_bytes=3 * CALL_BYTES,
        shared_code=functions(cpu, ["ew_depthwise_any"]),
        reason=f"{_storage(stored)}channel by channel: multiplier above 1 or channels not a multiple of 4",
        work=work,
    )


def _unpacking_any(stored: WeightFormat, count: int) -> str:
    """C: all weights are unpacked to scratch memory first."""
    rows = "const void *const *rows, int8_t *out, int32_t columns, int32_t pad, int32_t multiplier"
    constants = "int8_t *w, const int32_t *k, const ew_depthwise *g, const void *packed"
    unpack = f"ew_packed_unpack{stored.bits}({unpack_arguments(stored, 'packed', 'w', count)})"
    return f"""static void f({rows}, {constants}) {{
  {unpack};
  ew_depthwise_any(rows, out, columns, pad, multiplier, w, k, g);
}}
"""
