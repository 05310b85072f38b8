"""Integer form of a requantization that rounds once: clamp(round(accumulator * factor)).

LiteRT's fully connected reference multiplies in double precision and rounds halves away from zero.
(accumulator * multiplier + rounding) >> total_shift, with a 31-bit multiplier, is the same for every
accumulator that can occur once multiplier and rounding constant are chosen with care: a step
function of 255 steps is equal to another one when all its steps are at the same place.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgewright.converter.ops.fixed_point import INT32_MAX, Int64Array, quantize_multiplier

# Multipliers tried on each side of the nearest one.
MULTIPLIER_SPAN = 16


@dataclass(frozen=True)
class SingleRounding:
    """value = (accumulator * multiplier + rounding) >> (31 - shift).

    Args:
        multiplier: 0 or in [2^30, 2^31).
        shift: Positive = left.
        rounding: About 2^(30 - shift), in 0 .. 2^62.
        differing: Steps (of at most 255) that are one accumulator value off; 0 wherever the factor
            is above 2^-16, or fewer steps can be reached.
    """

    multiplier: int
    shift: int
    rounding: int
    differing: int = 0


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
    """Multiplier, shift and rounding constant of clamp(round(accumulator * factor)).

    Args:
        factor: Real factor >= 0.
        values: Results that matter: above the smallest, up to the largest before the zero point is
            added; results outside are clamped.
        reachable: Smallest and largest accumulator.
    """
    nearest, shift = quantize_multiplier(factor)
    total = 31 - shift
    half = 1 << (total - 1)
    value, first = _steps(factor, values, reachable) if nearest else (np.empty(0, np.int64),) * 2
    if not len(value):
        return SingleRounding(nearest, shift, half)
    best = None
    for distance in sorted(range(-MULTIPLIER_SPAN, MULTIPLIER_SPAN + 1), key=abs):
        multiplier = nearest + distance
        if not 1 << 30 <= multiplier < 1 << 31:
            continue
        # Each step wants rounding >= lowest, and the accumulator before it rounding <= highest.
        lowest = (value << total) - first * multiplier
        highest = lowest + multiplier - 1
        rounding = int(np.clip(half, lowest.max(), max(lowest.max(), highest.min())))
        differing = int(np.count_nonzero(rounding > highest))
        if best is None or differing < best.differing:
            best = SingleRounding(multiplier, shift, rounding, differing)
        if not differing:
            break
    assert best is not None
    return best
