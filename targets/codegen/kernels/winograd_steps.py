"""Requantization of Winograd sums by one multiplication, as they come and rounded once.

An output is a function of a sum with at most 255 steps, so another function is equal when all steps are in
the same places (the idea of `converter/ops/single_rounding.py`). Sums come as z = 9 * 2^k * sum, k = 2 to 6.
Here

    y = saturate8(((addend << 32) + z * (multiplier << (6 - k))) >> (32 + shift))

with the same shift for a whole layer, and an addend of its own for negative sums where the output has both
signs: rounding twice, halves away from zero, moves those steps by up to two sums. For each multiplier next to
the exact one, every step bounds the addend from both sides. Between two addends lie parts of a sum, which the
bias adds: its point (1, 1) takes 36 for a sum.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgewright.converter.ops.fixed_point import Int64Array, multiply_by_quantized_multiplier
from edgewright.targets.codegen.kernels.requantization import Epilogue

FACTOR = 576  # what sums with k = 6 come times
BIAS_FACTOR = 36  # and a bias
PARTS = 12  # of a sum that are tried
MOST_MULTIPLIER = (1 << 27) - 8  # 16 times it, and what is tried beside it, are int32
MOST_SHIFT = 22
# It stands in an instruction, so layers with the same one share code: tried first where it is not larger.
COMMON_SHIFT = 12
TRIED = (0, 1, -1, 2, -2, 3, -3, 4, -4)
Q = np.arange(-127, 128)
Range = tuple[int, int]


@dataclass(frozen=True, eq=False)
class Steps:
    """Constants of a layer.

    Args:
        shift: Right shift of all channels.
        bias: As point (1, 1) takes it, int64 [O].
        multiplier, addend: int64 [O].
        negative: What negative sums add to the addend, int64 [O].
    """

    shift: int
    bias: Int64Array
    multiplier: Int64Array
    addend: Int64Array
    negative: Int64Array


def find_steps(call: Epilogue, weights: npt.NDArray[np.int8]) -> Steps | None:
    """Constants that equal the two roundings of forms "relu" and "linear" for all inputs, if any are found.

    Args:
        call: Requantization of the layer.
        weights: int8 [O, ...].
    """
    reach = 128 * np.abs(weights.reshape(len(weights), -1).astype(np.int64)).sum(axis=1)
    bias = call.bias.astype(np.int64)
    low, high = bias - reach, bias + reach
    if call.form not in ("relu", "linear") or np.maximum(-low, high).max() >= (1 << 31) // FACTOR:
        return None
    exponent = call.shift.astype(np.int64) + 1
    alive = reach > 0
    if not alive.any():
        return None
    largest = _shift(call.multiplier[alive].astype(np.int64), exponent[alive])
    places = _places(call, exponent, low, high)
    for shift in sorted({min(largest, COMMON_SHIFT), largest}):
        found = _constants(call, exponent, places, (low, high), shift) if shift > 0 else None
        if found is not None:
            found[0, alive] += BIAS_FACTOR * bias[alive]
            return Steps(shift, *found)
    return None


def _constants(
    call: Epilogue, exponent: Int64Array, places: Int64Array, ends: tuple[Int64Array, Int64Array], shift: int
) -> Int64Array | None:
    """Parts of a sum, multipliers, addends and what negative sums add to them, int64 [4, O]; None: not found.

    Args:
        call: Requantization of the layer.
        exponent: Its right shifts.
        places: As `_places` gives them.
        ends: Sums that can occur, the smallest and the largest of each channel.
        shift: Of all channels.
    """
    found = np.zeros((4, len(exponent)), np.int64)
    for o, (low, high) in enumerate(zip(*ends, strict=True)):
        if low == high:  # a constant
            y = int((places[o] <= low).sum()) - 128
            found[:, o] = 0, 0, y << shift, 0
            continue
        exact = float(call.multiplier[o]) * 2.0 ** (1 + shift - int(exponent[o])) / FACTOR
        ranges = [(int(low), int(high))]
        if call.form == "linear" and low < 0 <= high:
            ranges = [(0, int(high)), (int(low), -1)]
        one = _channel(places[o], ranges, exact, shift)
        if one is None:
            return None
        found[:, o] = one
    return found


def _shift(multiplier: Int64Array, exponent: Int64Array) -> int:
    """The largest shift with which all multipliers fit."""
    fits = [
        j
        for j in range(MOST_SHIFT + 1)
        if (multiplier * 2.0 ** (1 + j - exponent) / FACTOR < MOST_MULTIPLIER).all()
    ]
    return max(fits, default=0)


def _places(call: Epilogue, exponent: Int64Array, low: Int64Array, high: Int64Array) -> Int64Array:
    """The smallest sum from `low` on whose output is at least q, or high + 1: int64 [O, 255]."""
    below = np.repeat(low[:, None] - 1, len(Q), axis=1)
    above = np.repeat(high[:, None] + 1, len(Q), axis=1)
    multiplier = call.multiplier.astype(np.int64)[:, None]
    while (above - below > 1).any():
        middle = (below + above) >> 1
        y = multiply_by_quantized_multiplier(middle, multiplier, -exponent[:, None]) + call.zero_point
        reached = (y >= Q) | (middle > high[:, None])
        inside = above - below > 1
        above = np.where(inside & reached, middle, above)
        below = np.where(inside & ~reached, middle, below)
    return above


def _channel(
    places: Int64Array, ranges: list[Range], exact: float, shift: int
) -> tuple[int, int, int, int] | None:
    """(parts of a sum, multiplier, addend, what negative sums add to it); the last range is of those."""
    for change in TRIED:
        multiplier = max(1, round(exact) + change)
        # Together they move the steps by less than an addend, and less than a sum, whose sign stays.
        most = min(BIAS_FACTOR - 1, (1 << 28) // multiplier)
        for part in range(0, most + 1, 1 + most // PARTS):
            addends = [_addend(places, ends, multiplier, shift, part) for ends in ranges]
            first, last = addends[0], addends[-1]
            if first is not None and last is not None:
                return part, multiplier, first, last - first
    return None


def _addend(places: Int64Array, ends: Range, multiplier: int, shift: int, part: int) -> int | None:
    """An addend with which all steps for sums of a range are in their places."""
    low, high = ends
    at = np.clip(places, low, high + 1)
    wanted = (Q << (shift + 32)) - FACTOR // BIAS_FACTOR * part * multiplier
    least = (wanted - FACTOR * at * multiplier)[at <= high]  # reached there
    below = (wanted - FACTOR * (at - 1) * multiplier)[at > low]  # and not a sum before
    addend = -(-int(least.max()) >> 32) if least.size else (int(below.min()) - 1) >> 32
    if below.size and addend << 32 >= below.min():
        return None
    largest = FACTOR * (max(abs(low), abs(high)) + 1) * multiplier >> 32
    return addend if abs(addend) + largest + 1 < 1 << 31 else None
