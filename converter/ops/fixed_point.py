"""Fixed-point arithmetic of TFLite's quantized operators, vectorised and exact.

A real factor f > 0 is held as (multiplier, shift): f ~ multiplier * 2^(shift - 31) with
2^30 <= multiplier < 2^31, so a positive shift is a left shift. Values are int32; they are held in
int64 arrays so that products are exact, and wrap to 32 bits exactly where the C code would.

The scheme is that of B. Jacob et al., "Quantization and Training of Neural Networks for Efficient
Integer-Arithmetic-Only Inference", 2018, section 2.2 and appendix B.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

Int64Array = npt.NDArray[np.int64]
Int32Array = npt.NDArray[np.int32]

INT32_MIN = -(2**31)
INT32_MAX = 2**31 - 1


def round_half_away(value: float) -> int:
    """Nearest integer, halves away from zero (C's `round`)."""
    return math.floor(value + 0.5) if value >= 0 else math.ceil(value - 0.5)


def quantize_multiplier(real: float) -> tuple[int, int]:
    """Real factor -> (multiplier, shift).

    Args:
        real: Factor >= 0. Below 2^-32 it becomes (0, 0): the operator's output is its zero point.

    Returns:
        multiplier in [2^30, 2^31) or 0, and shift (positive = left).
    """
    if real == 0.0:
        return 0, 0
    mantissa, shift = math.frexp(real)
    multiplier = round_half_away(mantissa * 2**31)
    if multiplier == 2**31:
        multiplier //= 2
        shift += 1
    return (0, 0) if shift < -31 else (multiplier, shift)


def quantize_multipliers(reals: Iterable[float]) -> tuple[Int32Array, Int32Array]:
    """`quantize_multiplier` of every element, as two int32 arrays (multipliers, shifts)."""
    pairs = [quantize_multiplier(float(r)) for r in reals]
    return np.array([m for m, _ in pairs], np.int32), np.array([s for _, s in pairs], np.int32)


def wrap_int32(x: npt.ArrayLike) -> Int64Array:
    """Two's complement wrap to 32 bits, kept in int64."""
    return np.asarray(x, np.int64).astype(np.int32).astype(np.int64)


def srdhm(a: npt.ArrayLike, b: npt.ArrayLike) -> Int64Array:
    """Saturating rounding doubling high multiply of int32 values: a * b / 2^31, halves rounded up.

    Only (-2^31)^2 saturates.
    """
    product = np.asarray(a, np.int64) * np.asarray(b, np.int64)
    return np.asarray(np.minimum((product + (1 << 30)) >> 31, INT32_MAX), np.int64)


def rounding_divide_by_pot(x: npt.ArrayLike, exponent: npt.ArrayLike) -> Int64Array:
    """x / 2^exponent rounded to nearest, halves away from zero; exponent in 0..31."""
    value = np.asarray(x, np.int64)
    bits = np.asarray(exponent, np.int64)
    mask = (np.int64(1) << bits) - 1
    threshold = (mask >> 1) + (value < 0)
    return (value >> bits) + ((value & mask) > threshold)


def multiply_by_quantized_multiplier(
    x: npt.ArrayLike, multiplier: npt.ArrayLike, shift: npt.ArrayLike
) -> Int64Array:
    """x * multiplier * 2^(shift - 31), rounded twice (convolutions and most operators).

    The left shift wraps to 32 bits, as C's does.
    """
    s = np.asarray(shift, np.int64)
    shifted = wrap_int32(np.asarray(x, np.int64) << np.maximum(s, 0))
    return rounding_divide_by_pot(srdhm(shifted, multiplier), np.maximum(-s, 0))


def multiply_once(x: npt.ArrayLike, multiplier: npt.ArrayLike, shift: npt.ArrayLike) -> Int64Array:
    """(x * multiplier + 2^(30 - shift)) >> (31 - shift), rounded once (fully connected), shift <= 30."""
    total = 31 - np.asarray(shift, np.int64)
    product = np.asarray(x, np.int64) * np.asarray(multiplier, np.int64)
    return (product + (np.int64(1) << (total - 1))) >> total
