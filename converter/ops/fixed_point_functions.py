"""exp and 1 / x in 32-bit fixed point, as TFLite's reference softmax evaluates them.

A "Qk" value is an int32 r standing for r * 2^(k - 31): k integer bits. The product of a Qj and a Qk
value is `srdhm`, a Q(j + k). exp(x) is split as exp(-n / 4) * exp(r), -1/4 <= r < 0, with a Taylor
polynomial around -1/8 for the second factor; reciprocals take three Newton steps.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from edgewright.converter.ops.fixed_point import (
    INT32_MAX,
    INT32_MIN,
    Int64Array,
    rounding_divide_by_pot,
    srdhm,
    wrap_int32,
)

ONE_Q2 = 1 << 29


def _q0(real: float) -> int:
    return round(real * 2**31)


EXP_MINUS_EIGHTH = _q0(float(np.exp(-1 / 8)))
ONE_THIRD = _q0(1 / 3)
# exp(-2^e) for e = -2 .. 4, the factors of exp(-n / 4) by the bits of n.
EXP_MINUS_POWERS = [(e, _q0(float(np.exp(-(2.0**e))))) for e in range(-2, 5)]
NEWTON_CONSTANT = round(48 / 17 * ONE_Q2)
NEWTON_SLOPE = round(-32 / 17 * ONE_Q2)


def _shift_left_saturating(x: Int64Array, bits: int) -> Int64Array:
    return np.asarray(np.clip(x << bits, INT32_MIN, INT32_MAX), np.int64)


def _exp_minus_quarter_to_zero(a: Int64Array) -> Int64Array:
    """exp(a) for a Q0 in [-1/4, 0), as Q0."""
    x = a + (1 << 28)
    x2 = srdhm(x, x)
    x3 = srdhm(x2, x)
    x4_over_4 = rounding_divide_by_pot(srdhm(x2, x2), 2)
    tail = rounding_divide_by_pot(srdhm(x4_over_4 + x3, ONE_THIRD) + x2, 1)
    return EXP_MINUS_EIGHTH + srdhm(EXP_MINUS_EIGHTH, x + tail)


def exp_of_negative(a: npt.ArrayLike, integer_bits: int) -> Int64Array:
    """exp(a) for a <= 0 in Q(integer_bits), integer_bits <= 5, as Q0."""
    value = np.asarray(a, np.int64)
    fraction_bits = 31 - integer_bits
    quarter = 1 << (fraction_bits - 2)
    in_quarter = (value & (quarter - 1)) - quarter
    result = _exp_minus_quarter_to_zero(_shift_left_saturating(in_quarter, integer_bits))
    quarters = in_quarter - value
    for exponent, factor in EXP_MINUS_POWERS:
        if exponent < integer_bits:
            bit = (quarters >> (fraction_bits + exponent)) & 1
            result = np.where(bit == 1, srdhm(result, factor), result)
    return np.where(value == 0, INT32_MAX, result)


def _reciprocal_of_half_sum(a: Int64Array) -> Int64Array:
    """2 / (1 + a) for a Q0 in [0, 1), as Q2."""
    half = (a + INT32_MAX + 1) >> 1
    x = NEWTON_CONSTANT + srdhm(half, NEWTON_SLOPE)
    for _ in range(3):
        error = ONE_Q2 - srdhm(half, x)
        x = x + _shift_left_saturating(srdhm(x, error), 2)
    return x


def one_over_one_plus(a: npt.ArrayLike) -> Int64Array:
    """1 / (1 + a) for a Q0 in [0, 1), as Q0."""
    return _shift_left_saturating(_reciprocal_of_half_sum(np.asarray(a, np.int64)), 1)


def reciprocal(x: npt.ArrayLike, integer_bits: int) -> tuple[Int64Array, Int64Array]:
    """1 / x for x > 0 in Q(integer_bits).

    Returns:
        A Q0 mantissa in (1/2, 1] and an exponent e: 1 / x ~ mantissa * 2^-e.
    """
    value = np.asarray(x, np.int64)
    headroom = 31 - np.floor(np.log2(value.astype(np.float64))).astype(np.int64)
    normalised = wrap_int32((value << headroom) - (1 << 31))
    return one_over_one_plus(normalised), integer_bits - headroom
