"""Float scales of binary layers as integers: thresholds of signs and of sums, requantization of sums."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgewright.converter.ops.binary_conv import MAX_FACTOR
from edgewright.converter.ops.requantize import ActivationRange, Requantize
from edgewright.converter.program import Quantization

FloatArray = npt.NDArray[np.float32]
# Bias and sum of a channel share 30 bits. A scale so small beside its bias is enlarged to this part of it:
# the sums add less than 0.4 % of the bias then.
SMALLEST_SCALE = 2.0**-22
MAX_FRACTION = 8


@dataclass(frozen=True)
class Factors:
    """Integers that sums are multiplied with.

    Args:
        unit: Real value of a factor of 1.
        largest: Magnitude of the largest one.
    """

    unit: float = 1.0
    largest: int = 1

    @staticmethod
    def of_places(spatial: FloatArray, depth: int) -> tuple[Factors, npt.NDArray[np.int32]]:
        """Factors of the places of an output, [1, 1, H', W'] -> int32 [H', W', 1].

        Args:
            spatial: Real factors.
            depth: Terms of a sum; sums times factors stay below 2^30.
        """
        peak = float(np.abs(spatial).max()) or 1.0
        largest = min(MAX_FACTOR, (1 << 30) // depth)
        unit = peak / largest
        integers = np.rint(spatial.astype(np.float64) / unit).astype(np.int32)
        return Factors(unit, largest), np.ascontiguousarray(integers.reshape(*spatial.shape[2:], 1))


@dataclass(frozen=True)
class Scaled:
    """Requantization of sums, and their left shift before it."""

    requantize: Requantize
    fraction: int


def int8_output(
    scale: FloatArray,
    bias: FloatArray,
    factors: Factors,
    depth: int,
    output: Quantization,
    activation: ActivationRange,
) -> Scaled:
    """Requantization for y = sum * factor * scale + bias.

    Args:
        scale: [O], not negative.
        bias: [O].
        factors: What sums are multiplied with before.
        depth: Terms of a sum.
        output: Quantization of y.
        activation: Real bounds of a fused activation.
    """
    unit = scale.astype(np.float64) * factors.unit
    unit = np.maximum(unit, np.abs(bias.astype(np.float64)) * SMALLEST_SCALE)
    unit = np.maximum(unit, float(np.finfo(np.float32).tiny) * (1 << MAX_FRACTION))
    largest = float(np.max(depth * factors.largest + np.abs(bias) / unit))
    fraction = 0
    while factors.largest == 1 and fraction < MAX_FRACTION and largest * 2 ** (fraction + 1) < 2**30:
        fraction += 1
    units = (unit / 2**fraction).astype(np.float32)
    integers = np.rint(bias.astype(np.float64) / units.astype(np.float64)).astype(np.int32)
    return Scaled(Requantize.for_conv(1.0, units, output, integers, activation), fraction)


def value_thresholds(x: Quantization, shift: FloatArray) -> npt.NDArray[np.int16]:
    """First int8 value q of each channel with (q - zero_point) * scale + shift >= 0; 128 where none is."""
    q = np.arange(-128, 128)
    reals = (q - x.zero_point).astype(np.float32) * np.float32(x.scale)
    positive = reals[:, None] + shift >= 0
    return np.asarray(128 - positive.sum(axis=0), np.int16)


def sum_thresholds(
    scale: FloatArray, bias: FloatArray, shift: FloatArray, depth: int
) -> npt.NDArray[np.int32]:
    """First sum of each channel with (sum * scale + bias) + shift >= 0 in float32; depth + 1 where none is.

    Args:
        scale: [O], not negative, so that the left side never falls with the sum.
        bias, shift: [O].
        depth: Terms of a sum; sums are -depth .. depth.
    """

    def positive(sums: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
        return np.asarray((sums.astype(np.float32) * scale + bias) + shift >= 0)

    return _first(positive, -depth, depth + 1, scale.size).astype(np.int32)


def _first(
    holds: Callable[[npt.NDArray[np.int64]], npt.NDArray[np.bool_]], low: int, high: int, count: int
) -> npt.NDArray[np.int64]:
    """Smallest value in low .. high - 1 for which a rising condition holds, for each channel; else high."""
    lows, highs = np.full(count, low, np.int64), np.full(count, high, np.int64)
    while (lows < highs).any():
        middle = (lows + highs) // 2
        found = holds(middle)
        highs = np.where(found & (lows < highs), middle, highs)
        lows = np.where(~found & (lows < highs), middle + 1, lows)
    return lows
