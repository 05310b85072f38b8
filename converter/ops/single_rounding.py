"""Integer form of a requantization that rounds once: clamp(round(accumulator * factor)).

LiteRT's fully connected reference multiplies in double precision and rounds halves away from zero.
(accumulator * multiplier + 2^(30 - shift)) >> (31 - shift) gives the same for every accumulator once
the 31-bit multiplier is chosen with care: two step functions of 255 steps are equal when all steps
are at the same places. A multiplier a little too large also sends the halves away from zero.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgewright.converter.ops.fixed_point import INT32_MAX, Int64Array, quantize_multiplier

# Multipliers tried on each side of the nearest one.
MULTIPLIER_SPAN = 16


@dataclass(frozen=True)
class SingleRounding:
    """value = (accumulator * multiplier + 2^(30 - shift)) >> (31 - shift).

    Args:
        multiplier: 0 or in [2^30, 2^31).
        shift: Positive = left.
        misplaced: Steps (of at most 255) that lie an accumulator value or few off. 0 for factors
            above 2^-13, and below where sums reach few steps. (A layer of N inputs that uses the
            range of its output has a factor around 1 / (16 sqrt(N)).)
    """

    multiplier: int
    shift: int
    misplaced: int = 0


def round_product(accumulator: Int64Array, factor: float) -> Int64Array:
    """round(accumulator * factor), the product in double precision, halves away from zero."""
    product = accumulator.astype(np.float64) * factor
    return np.copysign(np.floor(np.abs(product) + 0.5), product).astype(np.int64)


def _steps(factor: float, values: range, reachable: tuple[int, int]) -> tuple[Int64Array, Int64Array]:
    """(value, smallest accumulator that gives it) of every step strictly inside `reachable`."""
    value = np.arange(values.start, values.stop, dtype=np.int64)
    nearest = np.ceil((value - 0.5) / factor)
    inside = np.abs(nearest) < INT32_MAX - 2
    value, nearest = value[inside], nearest[inside]
    candidates = nearest.astype(np.int64)[:, None] + np.arange(-2, 3)
    reached = round_product(candidates, factor) >= value[:, None]
    first = candidates[np.arange(len(value)), np.argmax(reached, axis=1)]
    kept = (first > reachable[0]) & (first <= reachable[1])
    return value[kept], first[kept]


def single_rounding(
    factor: float, values: range, reachable: tuple[int, int] = (-INT32_MAX, INT32_MAX)
) -> SingleRounding:
    """Multiplier and shift of clamp(round(accumulator * factor)).

    Args:
        factor: Real factor >= 0.
        values: Results that matter before the zero point is added: all above the smallest, up to
            the largest; what lies outside is clamped.
        reachable: Smallest and largest accumulator.
    """
    nearest, shift = quantize_multiplier(factor)
    value, first = _steps(factor, values, reachable) if nearest else (np.empty(0, np.int64),) * 2
    if not len(value):
        return SingleRounding(nearest, shift)
    multipliers = nearest + np.arange(-MULTIPLIER_SPAN, MULTIPLIER_SPAN + 1, dtype=np.int64)
    multipliers = multipliers[(multipliers >= 1 << 30) & (multipliers < 1 << 31)][:, None]
    # A step is in its place when the rounding constant lifts its accumulator, but not the one before.
    lowest = (value << (31 - shift)) - first * multipliers
    half = 1 << (30 - shift)
    misplaced = ((half < lowest) | (half >= lowest + multipliers)).sum(axis=1)
    best = np.lexsort((np.abs(multipliers[:, 0] - nearest), misplaced))[0]
    return SingleRounding(int(multipliers[best, 0]), shift, int(misplaced[best]))
