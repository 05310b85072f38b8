"""Choice of the requantization a kernel inlines, and its constants.

The exact general form takes 64-bit products and a sign-dependent rounding. Where the accumulator is
proven small (|a| < 2^30) and all shifts go right, cheaper forms give the same result
(`targets/cortex_m/include/ew_math.h`).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgewright.converter.ops.requantize import Requantize
from edgewright.targets.codegen.kernels.dead_channels import settle_dead_channels
from edgewright.targets.codegen.kernels.folded_requantization import FoldedEpilogue, folded_epilogue, stepped

__all__ = ["Epilogue", "FoldedEpilogue", "epilogue", "folded_epilogue", "stepped"]

Int32Array = npt.NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class Epilogue:
    """How accumulators of a layer become int8.

    Args:
        bias: int32 [O]; the input zero point is folded in.
        multiplier: int32 [O].
        shift: int32 [O], in the convention of `form`.
        form: Suffix of the micro-kernels: "relu" and "linear" (right shift less 1; clamp [-128, 127],
            "relu" for zero point -128), "bounded" (right shift), "general" (TFLite shift), and with one
            rounding "once_right" (right shift less 1) and "once" (TFLite shift).
        zero_point, low, high: Of the output.
    """

    bias: Int32Array
    multiplier: Int32Array
    shift: Int32Array
    form: str
    zero_point: int
    low: int
    high: int

    @property
    def output(self) -> Int32Array:
        """The constants of `ew_output`: int32 [3]."""
        return np.array([self.zero_point, self.low, self.high], np.int32)


def epilogue(
    requantize: Requantize,
    weights: npt.NDArray[np.int8],
    input_zero_point: int,
    forms: Collection[str],
) -> Epilogue:
    """Constants and requantization of a layer: the cheapest of `forms` that is exact.

    Args:
        requantize: The layer's parameters.
        weights: int8, output channel first (any further dimensions).
        input_zero_point: Folded into the bias: sum (x - z) w = sum x w - z sum w.
        forms: Forms the micro-kernels offer; "general" or "once" is always among them, and decides
            whether the layer rounds twice or once.
    """
    flat = weights.reshape(weights.shape[0], -1).astype(np.int64)
    bias = requantize.bias.astype(np.int64) - input_zero_point * flat.sum(axis=1)
    multiplier, shift = requantize.multiplier, requantize.shift
    if "general" in forms:
        bias, multiplier, shift = settle_dead_channels(requantize, weights, bias)
    bound = np.abs(bias) + 128 * np.abs(flat).sum(axis=1)
    right = bool((shift <= -1).all() and (shift >= -30).all())
    bounded = right and bool((bound < 1 << 30).all())
    zero_point, (low, high) = requantize.output.zero_point, requantize.clamp
    full = (low, high) == (-128, 127)
    candidates = (
        ("relu", bounded and full and zero_point == -128, -shift - 1),
        ("linear", bounded and full, -shift - 1),
        ("bounded", bounded, -shift),
        ("general", True, shift),
        ("once_right", right, -shift - 1),
        ("once", True, shift),
    )
    form, stored = next((f, s) for f, exact, s in candidates if f in forms and exact)
    wrapped = bias.astype(np.uint64).astype(np.uint32).astype(np.int32)
    return Epilogue(
        wrapped, multiplier.astype(np.int32), np.asarray(stored, np.int32), form, zero_point, low, high
    )
