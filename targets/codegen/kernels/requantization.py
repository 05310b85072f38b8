"""Choice of the requantization a kernel inlines, and its constants.

The exact general form takes 64-bit products and a sign-dependent rounding. Where the accumulator is
proven small (|a| < 2^30) and all shifts go right, cheaper forms give the same result
(`targets/cortex_m/include/ew_math.h`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgewright.converter.ops.requantize import Requantize

Int32Array = npt.NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class Epilogue:
    """How accumulators of a layer become int8.

    Args:
        bias: int32 [O]; the input zero point is folded in.
        multiplier: int32 [O].
        shift: int32 [O] in the convention of `function`.
        function: Name of the function in ew_math.h.
        tail: Its further arguments: zero point and clamp, where it takes them.
        once: Fully connected rounding.
    """

    bias: Int32Array
    multiplier: Int32Array
    shift: Int32Array
    function: str
    tail: tuple[int, ...]
    once: bool = False

    def call(self, accumulator: str, multiplier: str, shift: str) -> str:
        """TVMScript of the requantized int8 value."""
        extra = "".join(f", {v}" for v in self.tail)
        return f'T.call_pure_extern("int8", "{self.function}", {accumulator}, {multiplier}, {shift}{extra})'


def _settle_dead_channels(
    requantize: Requantize, weights: npt.NDArray[np.int8], bias: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.int64], Int32Array, Int32Array]:
    """Re-encode channels whose weights are all zero: their output is a constant.

    Exported models hold such channels with biases up to 2^30 and extreme shifts, which would force
    the general form on the whole layer. With multiplier 2^30 and a right shift of 1, a bias of
    4 (q - zero_point) yields q in every rounding mode.
    """
    multiplier, shift = requantize.multiplier.copy(), requantize.shift.copy()
    dead = ~weights.reshape(weights.shape[0], -1).any(axis=1)
    if dead.any():
        constant = requantize.apply_twice(np.zeros((1, weights.shape[0]), np.int64))[0].astype(np.int64)
        bias = np.where(dead, 4 * (constant - requantize.output.zero_point), bias)
        multiplier[dead], shift[dead] = 1 << 30, -1
    return bias, multiplier, shift


def epilogue(
    requantize: Requantize,
    weights: npt.NDArray[np.int8],
    input_zero_point: int,
    *,
    once: bool = False,
    general: bool = False,
) -> Epilogue:
    """Constants and requantization of a layer.

    Args:
        requantize: The layer's parameters.
        weights: int8, output channel first (any further dimensions).
        input_zero_point: Folded into the bias: sum (x - z) w = sum x w - z sum w.
        once: Fully connected rounding.
        general: Do not look for a cheaper form (vector kernels have one form only).
    """
    flat = weights.reshape(weights.shape[0], -1).astype(np.int64)
    bias = requantize.bias.astype(np.int64) - input_zero_point * flat.sum(axis=1)
    zero_point, (low, high) = requantize.output.zero_point, requantize.clamp
    multiplier, shift = requantize.multiplier, requantize.shift
    if once:
        right = bool((shift <= -1).all() and (shift >= -31).all()) and not general
        name = "ew_requantize_once_right" if right else "ew_requantize_once"
        stored = -shift - 1 if right else shift
        return _epilogue(bias, multiplier, stored, name, (zero_point, low, high), once=True)
    bias, multiplier, shift = _settle_dead_channels(requantize, weights, bias)
    bound = np.abs(bias) + 128 * np.abs(flat).sum(axis=1)
    if general or not ((bound < 1 << 30).all() and (shift <= -1).all() and (shift >= -30).all()):
        return _epilogue(bias, multiplier, shift, "ew_requantize", (zero_point, low, high))
    if zero_point == low == -128 and high == 127:
        return _epilogue(bias, multiplier, -shift - 1, "ew_requantize_relu", ())
    return _epilogue(bias, multiplier, -shift, "ew_requantize_bounded", (zero_point, low, high))


def _epilogue(
    bias: npt.NDArray[np.int64],
    multiplier: Int32Array,
    shift: Int32Array,
    name: str,
    tail: tuple[int, ...],
    *,
    once: bool = False,
) -> Epilogue:
    wrapped = bias.astype(np.uint64).astype(np.uint32).astype(np.int32)
    return Epilogue(
        wrapped,
        multiplier.astype(np.int32),
        np.asarray(shift, np.int32),
        name,
        tuple(int(v) for v in tail),
        once,
    )
