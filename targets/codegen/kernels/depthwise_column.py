"""Depthwise convolutions over the rows of a single column, one output row at a time.

Two rows of four channels are paired, widened and multiplied in registers; there are no planes, and no
scratch memory. For streaming models, and for layers of one output row.
"""

from __future__ import annotations

import re

import numpy as np
import numpy.typing as npt

from edgewright.converter.ops.depthwise import DepthwiseConv2D
from edgewright.converter.program import TensorType
from edgewright.targets.codegen.kernels.planes_factors import Factors, find_factors
from edgewright.targets.codegen.kernels.planes_text import function
from edgewright.targets.codegen.row_kernel import RowInput, RowKernel
from edgewright.targets.cpu import CpuClass

# Rows of a window that are unrolled at most.
MOST_TAPS = 32
# r0 pointers to the rows, r1 out, r2 constants, r3 the channel.
PARAMETERS = (
    "const void *const *rows EW_UNUSED, int8_t *out EW_UNUSED, const uint32_t *k EW_UNUSED, "
    "int32_t channel EW_UNUSED"
)
SUMS = ("r4", "r5", "r6", "r7")


def column_row_kernel(op: DepthwiseConv2D, cpu: CpuClass, x: TensorType) -> RowKernel | None:
    """Row kernel of a layer over the rows of one column; None where it does not apply."""
    _, columns, channels = x.shape
    rows = op.output_type(x).shape[0]
    taps, width = op.window
    plain = op.multiplier == 1 and op.weight_format == "int8" and channels % 4 == 0
    narrow = (columns, width, op.padding.left, op.padding.right) == (1, 1, 0, 0)
    if cpu.name != "dsp" or not plain or not narrow or taps > MOST_TAPS:
        return None
    factors = find_factors(op)
    if factors is None:
        return None
    source = function("f_0", PARAMETERS, _lines(factors, taps, channels))
    source += """static void f(const void *const *rows, int8_t *y, const uint32_t *k) {
  f_0(rows, y, k, 0);
}
"""
    fours = channels // 4
    view = RowInput(
        x.shape[0], channels, taps, op.stride[0], op.dilation[0], op.padding.top, op.input_zero_point
    )
    return RowKernel(
        family=f"column{taps}x1_{channels}",
        script="",
        source=source,
        arguments=("rows", "out", "c[0]"),
        inputs=(view,),
        out_rows=rows,
        out_row_bytes=channels,
        constants=(_words(factors, op.input_zero_point),),
        headers=("ew_planes_dsp.h",),
        code_bytes=4 * len(re.findall(r'\\n"', source)),
        variant="column, a row",
        reason=f"two rows in a word, four channels in registers, {factors.reason}",
        work={
            "dw_column": 1,
            "dw_column_four": fours,
            "dw_column_pair": fours * (taps // 2),
            "dw_column_single": fours * (taps % 2),
            "dw_column_shift": fours * (factors.shift is not None),
        },
    )


def _words(factors: Factors, zero_point: int) -> npt.NDArray[np.uint32]:
    """Constants of each four channels, in the order of their use: uint32 [C / 4, n]."""
    taps = len(factors.weights)
    # Rows are read as they are; what the zero point adds is taken off at the start.
    start = factors.start - zero_point * factors.weights.sum(axis=(0, 1))
    found = [start.reshape(-1, 4)]
    found += [factors.pair((t, 0), (t + 1, 0)).reshape(-1, 4) for t in range(0, taps - 1, 2)]
    if taps % 2:
        last = (factors.weights[-1, 0] & 0xFFFF).reshape(-1, 2, 2)
        found.append(last[..., 0] | (last[..., 1] << 16))
    rest = [factors.multiplier, factors.addend, *([] if factors.shift is None else [factors.shift])]
    found += [v.reshape(-1, 4) for v in rest]
    return np.ascontiguousarray(np.concatenate(found, axis=1) & 0xFFFFFFFF).astype(np.uint32)


def _lines(factors: Factors, taps: int, channels: int) -> list[str]:
    lines = ["push {r4-r11, lr}", "1:", "ldmia r2!, {r4-r7}"]
    for t in range(0, taps - 1, 2):
        lines += [
            f"ldr r8, [r0, #{4 * t}]",
            f"ldr r9, [r0, #{4 * t + 4}]",
            "ldr r8, [r8, r3]",
            "ldr r9, [r9, r3]",
        ]
        lines += ["pkhbt r10, r8, r9, lsl #16", "pkhtb r11, r9, r8, asr #16", "sxtb16 r8, r10"]
        lines += ["sxtb16 r9, r10, ror #8", "sxtb16 r10, r11", "sxtb16 r11, r11, ror #8"]
        for first in (0, 2):
            lines.append("ldmia r2!, {r12, lr}")
            for n, word in ((first, "r12"), (first + 1, "lr")):
                lines.append(f"smlad {SUMS[n]}, r{8 + n}, {word}, {SUMS[n]}")
    if taps % 2:
        lines += [f"ldr r8, [r0, #{4 * taps - 4}]", "ldr r8, [r8, r3]", "ldmia r2!, {r12, lr}"]
        lines += ["sxtb16 r9, r8, ror #8", "sxtb16 r8, r8"]
        lines += ["smlabb r4, r8, r12, r4", "smlabt r5, r9, r12, r5"]
        lines += ["smlatb r6, r8, lr, r6", "smlatt r7, r9, lr, r7"]
    lines += [*_finish(factors), *(f"strb {s}, [r1], #1" for s in SUMS), "add r3, #4"]
    return [*lines, f"movw r12, #{channels}", "cmp r3, r12", "bne 1b", "pop {r4-r11, pc}"]


def _finish(factors: Factors) -> list[str]:
    lines = ["ldmia r2!, {r8-r11}"]
    for first in (0, 2):
        lines.append("ldmia r2!, {r12, lr}")
        for n, addend in ((first, "r12"), (first + 1, "lr")):
            s = SUMS[n]
            if factors.shift is None:
                lines.append(f"smmla {s}, {s}, r{8 + n}, {addend}")
            else:
                lines += [f"add {addend}, {addend}, {s}, asr #31", f"smmlar {s}, {s}, r{8 + n}, {addend}"]
    if factors.shift is None:
        return [*lines, *(f"ssat {s}, #8, {s}, asr #{factors.common}" for s in SUMS)]
    lines.append("ldmia r2!, {r8-r11}")
    return lines + [
        line for n, s in enumerate(SUMS) for line in (f"asr {s}, {s}, r{8 + n}", f"ssat {s}, #8, {s}")
    ]
