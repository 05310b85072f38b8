"""Sums and differences of two int8 values as one linear form in 32 bits.

The reference brings both inputs to a common scale and rounds three times, with products of 64 bits. But
there are only 65,536 pairs of inputs. Where integers exist with

    y = clamp((a * A + b * B + C) >> shift)

for every pair, that is the same function. They are sought near the real factors.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from edgewright.converter.ops.binary import Add
from edgewright.converter.ops.fixed_point import Int64Array

# |A| and |B| stay below 2^23, so that they fit a word when shifted left by 8 (SMLAWB).
FACTOR_BITS = 23
LARGEST_SHIFT = 22
SMALLEST_SHIFT = 8
# Factors tried on each side of the nearest ones.
SPAN = 12
# Bounds of the constant, the tightest ones, that sort factors out before all pairs are compared.
PROBES = 2048
TRIALS = 50


@dataclass(frozen=True)
class LinearSum:
    """y = clamp((a * factors[0] + b * factors[1] + constant) >> shift); the sum stays within int32."""

    factors: tuple[int, int]
    constant: int
    shift: int


def linear_sum(op: Add) -> LinearSum | None:
    """The linear form that equals an addition or subtraction for all pairs of inputs, if there is one."""
    every = np.arange(-128, 128, dtype=np.int8)
    wanted = op.golden(every.reshape(256, 1, 1), every.reshape(1, 256, 1))
    return _found(wanted.tobytes(), _real_factors(op), op.clamp)


@lru_cache(maxsize=64)
def _found(wanted: bytes, real: tuple[float, float], clamp: tuple[int, int]) -> LinearSum | None:
    """The same from the results of all pairs, since kernels of one op are made several times."""
    results = np.frombuffer(wanted, np.int8).reshape(256, 256).astype(np.int64)
    for shift in range(LARGEST_SHIFT, SMALLEST_SHIFT - 1, -1):
        if max(abs(f) for f in real) * 2.0**shift + SPAN < 1 << FACTOR_BITS:
            found = _with_shift(results, real, shift, clamp)
            if found is not None:
                return found
    return None


def _real_factors(op: Add) -> tuple[float, float]:
    """Steps of the output for one step of each input."""
    output = op.output_multiplier * 2.0 ** (op.output_shift - 31 + op.left_shift)
    first, second = (output * m * 2.0 ** (s - 31) for m, s in zip(op.multipliers, op.shifts, strict=True))
    return first, op.sign * second


def _with_shift(
    wanted: Int64Array, real: tuple[float, float], shift: int, clamp: tuple[int, int]
) -> LinearSum | None:
    """Factors and constant for one shift.

    Args:
        wanted: int64 [256, 256], results by first and second input.
        real: From `_real_factors`.
        shift: Of the form.
        clamp: (min, max) of the result.
    """
    nearest = (round(real[0] * 2**shift), round(real[1] * 2**shift))
    sums = _sums(nearest)
    # wanted * 2^shift <= sum + constant < (wanted + 1) * 2^shift, where the clamp does not act.
    least = np.where(wanted > clamp[0], (wanted << shift) - sums, -(1 << 62))
    most = np.where(wanted < clamp[1], ((wanted + 1) << shift) - 1 - sums, 1 << 62)
    for offset in _candidates(least, most):
        added = _sums(offset)
        low, high = int((least - added).max()), int((most - added).min())
        # The shifted sum has to fit 32 bits at all corners.
        total = sums + added
        low, high = max(low, -(1 << 31) - int(total.min())), min(high, (1 << 31) - 1 - int(total.max()))
        if low <= high:
            factors = (nearest[0] + offset[0], nearest[1] + offset[1])
            return LinearSum(factors, (low + high) >> 1, shift)
    return None


def _sums(factors: tuple[int, int]) -> Int64Array:
    every = np.arange(-128, 128, dtype=np.int64)
    return every[:, None] * factors[0] + every * factors[1]


def _candidates(least: Int64Array, most: Int64Array) -> Iterator[tuple[int, int]]:
    """Offsets of both factors that meet the tightest bounds of the constant, nearest first."""
    steps = np.arange(-SPAN, SPAN + 1)
    offsets = np.stack(np.meshgrid(steps, steps, indexing="ij"), axis=-1).reshape(-1, 2)
    offsets = offsets[np.argsort(np.abs(offsets).sum(axis=1), kind="stable")]
    lower = np.argpartition(-least.reshape(-1), PROBES)[:PROBES]
    upper = np.argpartition(most.reshape(-1), PROBES)[:PROBES]

    def added(pairs: Int64Array) -> Int64Array:
        """int64 [offsets, pairs]."""
        return np.asarray(offsets @ np.stack([pairs // 256 - 128, pairs % 256 - 128]), np.int64)

    low = (least.reshape(-1)[lower] - added(lower)).max(axis=1)
    high = (most.reshape(-1)[upper] - added(upper)).min(axis=1)
    yield from map(tuple, offsets[low <= high][:TRIALS].tolist())
