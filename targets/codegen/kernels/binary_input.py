"""Row kernels around binary convolutions: packing signs, and XNOR-Net's scale of an image."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from edgewright.converter.ops.binarize import Binarize
from edgewright.converter.ops.bits import pack_bits
from edgewright.converter.ops.mean_magnitude import MeanMagnitude
from edgewright.converter.program import TensorType
from edgewright.targets.codegen.kernels.mean import accumulating_kernels
from edgewright.targets.codegen.row_kernel import RowInput, RowKernel
from edgewright.targets.cpu import CpuClass

NEVER = 128
SIGNS_HEADERS = ("ew_binary_signs.h",)
MAGNITUDE_HEADERS = ("ew_binary_magnitude.h",)


def binarize_kernel(op: Binarize, cpu: CpuClass, x: TensorType) -> RowKernel:
    """int8 [W, C] -> uint32 [W, ceil(C / 32)]."""
    rows, columns, channels = x.shape
    thresholds = np.zeros(-(-channels // 16) * 16, np.int8)
    thresholds[:channels] = np.minimum(op.thresholds, NEVER - 1)
    return RowKernel(
        family=f"binarize_{columns}x{channels}",
        script="",
        call="ew_binary_signs",
        arguments=("rows[0]", "out", str(columns), str(channels), "c[0]", "c[1]"),
        inputs=(RowInput(rows, x.row_bytes),),
        out_rows=rows,
        out_row_bytes=op.output_type(x).row_bytes,
        constants=(thresholds, pack_bits(op.thresholds < NEVER)),
        headers=SIGNS_HEADERS,
        reason={"mve": "predicates of 16", "dsp": "SSUB8 and SEL, four channels at a time"}.get(
            cpu.name, "four channels in a word"
        ),
        work=_binarize_work(cpu, columns, channels),
    )


def _binarize_work(cpu: CpuClass, columns: int, channels: int) -> dict[str, float]:
    words, rest = divmod(channels, 32)
    work: dict[str, float] = {"binarize": 1, "binarize_pixel": columns}
    # Cores without unaligned access take the channels of most pixels one by one then.
    name = "binarize_odd" if cpu.name == "scalar" and channels % 4 else "binarize"
    work |= {f"{name}_word": columns * words, f"{name}_part": columns * (rest > 0)}
    if cpu.name == "mve":
        return work | {"binarize_vector": columns * (rest > 16)}
    return work | {f"{name}_quad": columns * (rest // 4), f"{name}_single": columns * (rest % 4)}


def mean_magnitude_kernel(op: MeanMagnitude, x: TensorType) -> RowKernel:
    """int8 [H, W, C] -> int32 [1, 1, 1], the whole tensor at once."""
    return RowKernel(
        family="mean_magnitude",
        script="",
        call="ew_mean_magnitude",
        arguments=("rows[0]", "out", str(x.elements), str(op.input_zero_point)),
        inputs=(RowInput(1, x.size_bytes),),
        out_rows=1,
        out_row_bytes=4,
        headers=MAGNITUDE_HEADERS,
        reason="sum of distances",
        work=_magnitude_work("mean_magnitude", x.elements),
    )


def mean_magnitude_stream_kernels(op: MeanMagnitude, x: TensorType) -> tuple[RowKernel, ...]:
    """Kernels for a tensor that arrives row by row."""
    rows = x.shape[0]
    if rows == 1:
        return (mean_magnitude_kernel(op, x),)
    finish = ("rows[0]", "out", str(x.elements))
    add, end = accumulating_kernels("mean_magnitude", x, 1, np.zeros(0, np.int32), finish, MAGNITUDE_HEADERS)
    elements = x.elements // rows
    return (
        replace(
            add,
            arguments=("rows[0]", "out", str(elements), str(op.input_zero_point)),
            constants=(),
            work=_magnitude_work("mean_magnitude_add", elements),
        ),
        replace(end, out_row_bytes=4, constants=(), work={"mean_magnitude_finish": 1}),
    )


def _magnitude_work(name: str, elements: int) -> dict[str, float]:
    return {name: 1, f"{name}_element": elements}
