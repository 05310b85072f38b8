"""Requantization by one product and one shift, the same shift for all channels.

    y = clamp8((constant + ((sum * 2^LIFT * factor) >> 32)) >> shift)

That is two instructions, SMMLA and SSAT. A requantization is a step function of the sum with at most 255
steps; two of them are equal when all steps are in the same places (`single_rounding.py` uses the same). So
for every channel a factor near the real one and a constant are sought that put the steps where the layer's
own arithmetic has them, among the sums that can occur.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgewright.converter.ops.fixed_point import (
    INT32_MAX,
    Int32Array,
    Int64Array,
    multiply_by_quantized_multiplier,
    multiply_once,
)
from edgewright.converter.ops.requantize import Requantize

# Factors tried on each side of the nearest one.
FACTOR_SPAN = 8
# Bits by which sums come shifted left, for a finer place of the steps.
LIFT = 8
LARGEST_SHIFT = 22


@dataclass(frozen=True, eq=False)
class OneProduct:
    """Factors and constants of a layer.

    Args:
        factor: int32 [O].
        constant: int32 [O].
        shift: The same for all channels.
        shared: Whether all channels have the same factor and constant.
    """

    factor: Int32Array
    constant: Int32Array
    shift: int
    shared: bool


@dataclass(frozen=True, eq=False)
class Sums:
    """Sums of a layer, bias included: [low, high] of each channel, int64 [O]."""

    low: Int64Array
    high: Int64Array


def reachable_sums(weights: npt.NDArray[np.int8], zero_point: int, requantize: Requantize) -> Sums:
    """The sums with bias of every channel for any int8 input.

    Args:
        weights: int8, output channel first.
        zero_point: Of the input.
        requantize: Holds the bias.
    """
    flat = weights.reshape(weights.shape[0], -1).astype(np.int64)
    ends = flat[..., None] * np.array([-128 - zero_point, 127 - zero_point])
    return Sums(ends.min(-1).sum(1) + requantize.bias, ends.max(-1).sum(1) + requantize.bias)


def one_product(requantize: Requantize, sums: Sums, *, once: bool) -> OneProduct | None:
    """Factors and constants with which the form above equals a layer's requantization.

    Args:
        requantize: The layer's.
        sums: That can occur; below 2^23.
        once: Whether the layer rounds once (fully connected) or twice.

    Returns:
        None where there are none.
    """
    right = -requantize.shift.astype(np.int64)
    fits = np.abs(np.stack([sums.low, sums.high])).max(0) << LIFT <= INT32_MAX
    moving = (sums.low < sums.high) & (requantize.multiplier > 0)
    if requantize.clamp != (-128, 127) or not fits.all():
        return None
    # The largest factor has 31 bits.
    least = int(right[moving].min(initial=LARGEST_SHIFT))
    shift = min(least - 1 + LIFT, LARGEST_SHIFT)
    if shift < 1:
        return None
    steps = _Steps.of(requantize, sums, once=once)
    exponent = shift - LIFT + 1 - right
    scaled = requantize.multiplier.astype(np.float64) * np.exp2(exponent.astype(np.float64))
    nearest = np.where(moving, np.rint(scaled), 0).astype(np.int64)
    return _shared(steps, nearest, shift) or _own(steps, nearest, shift)


@dataclass(frozen=True, eq=False)
class _Steps:
    """Where the steps are: int64 [O, 255] for the values -127 .. 127.

    Args:
        value: int64 [255].
        first: The smallest sum that gives the value or more; high + 1 where none does.
        sums: That can occur.
    """

    value: Int64Array
    first: Int64Array
    sums: Sums

    @staticmethod
    def of(requantize: Requantize, sums: Sums, *, once: bool) -> _Steps:
        """Bisection: the value never falls as the sum rises."""
        value = np.arange(-127, 128, dtype=np.int64)
        multiplier, shift = requantize.multiplier[:, None], requantize.shift[:, None]
        scale = multiply_once if once else multiply_by_quantized_multiplier
        low = np.repeat(sums.low[:, None], len(value), axis=1)
        high = np.repeat(sums.high[:, None] + 1, len(value), axis=1)
        while (low < high).any():
            middle = (low + high) >> 1
            reached = scale(middle, multiplier, shift) + requantize.output.zero_point >= value
            high = np.where(reached, middle, high)
            low = np.where(reached | (low >= high), low, middle + 1)
            low = np.minimum(low, high)
        return _Steps(value, low, sums)

    def constants(self, factor: Int64Array, shift: int) -> tuple[Int64Array, Int64Array]:
        """(smallest, largest) constant that puts all steps in their places, int64 [O]; none: empty range."""

        def product(sums: Int64Array) -> Int64Array:
            return ((sums << LIFT) * factor[:, None]) >> 32

        goal = self.value << shift
        reachable = self.first <= self.sums.high[:, None]
        rises = self.first > self.sums.low[:, None]
        # The bounds of int32 hold at both ends of the sums.
        ends = product(np.stack([self.sums.low, self.sums.high], axis=1))
        low = np.where(reachable, goal - product(self.first), -INT32_MAX).max(1)
        high = np.where(rises, goal - 1 - product(self.first - 1), INT32_MAX).min(1)
        return np.maximum(low, -INT32_MAX - ends[:, 0]), np.minimum(high, INT32_MAX - ends[:, 1])


def _shared(steps: _Steps, nearest: Int64Array, shift: int) -> OneProduct | None:
    """One factor and one constant for all channels."""
    largest = int(nearest.max())
    if (nearest[nearest > 0] != largest).any():
        return None
    for factor in largest + _nearby(largest):
        factors = np.full(len(nearest), factor, np.int64)
        low, high = steps.constants(factors, shift)
        lowest, highest = int(low.max()), int(high.min())
        if lowest <= highest:
            constant = np.full(len(nearest), (lowest + highest) >> 1, np.int32)
            return OneProduct(factors.astype(np.int32), constant, shift, True)
    return None


def _own(steps: _Steps, nearest: Int64Array, shift: int) -> OneProduct | None:
    """A factor and a constant for every channel."""
    factor, constant = nearest.copy(), np.zeros(len(nearest), np.int64)
    found = np.zeros(len(nearest), bool)
    for offset in _nearby(int(nearest.max())):
        factors = np.clip(nearest + np.where(nearest > 0, offset, 0), 0, INT32_MAX)
        low, high = steps.constants(factors, shift)
        new = ~found & (low <= high)
        factor[new], constant[new] = factors[new], (low + high)[new] >> 1
        found |= new
        if found.all():
            return OneProduct(factor.astype(np.int32), constant.astype(np.int32), shift, False)
    return None


def _nearby(largest: int) -> Int64Array:
    """Offsets to try, the smallest first."""
    offsets = np.array(sorted(range(-FACTOR_SPAN, FACTOR_SPAN + 1), key=abs), np.int64)
    return offsets[(largest + offsets >= 0) & (largest + offsets <= INT32_MAX)]
