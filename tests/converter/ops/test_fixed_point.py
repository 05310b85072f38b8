"""Fixed-point helpers equal their definitions, evaluated with Python's unbounded numbers."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgewright.converter.ops.fixed_point import (
    INT32_MAX,
    INT32_MIN,
    multiply_by_quantized_multiplier,
    multiply_once,
    quantize_multiplier,
    round_half_away,
    rounding_divide_by_pot,
    srdhm,
    wrap_int32,
)
from edgewright.converter.ops.fixed_point_functions import exp_of_negative, one_over_one_plus, reciprocal

INT32 = st.integers(INT32_MIN, INT32_MAX)
MULTIPLIER = st.integers(1 << 30, INT32_MAX)


def half_away(value: Fraction) -> int:
    whole = math.floor(abs(value) + Fraction(1, 2))
    return whole if value >= 0 else -whole


@given(INT32, INT32)
def test_srdhm_rounds_halves_up(a, b):
    exact = math.floor(Fraction(a * b, 2**31) + Fraction(1, 2))
    assert int(srdhm(a, b)) == min(exact, INT32_MAX)


@given(INT32, st.integers(0, 31))
def test_divide_by_power_of_two_rounds_halves_away(x, exponent):
    assert int(rounding_divide_by_pot(x, exponent)) == half_away(Fraction(x, 2**exponent))


@given(st.integers(-(2**40), 2**40))
def test_wrap(x):
    assert int(wrap_int32(x)) == (x + 2**31) % 2**32 - 2**31


@given(INT32, MULTIPLIER, st.integers(-31, 0))
def test_two_roundings_are_within_one_of_the_product(x, multiplier, shift):
    exact = Fraction(x * multiplier, 2 ** (31 - shift))
    assert abs(int(multiply_by_quantized_multiplier(x, multiplier, shift)) - exact) <= 1


@given(INT32, MULTIPLIER, st.integers(-31, 30))
def test_one_rounding_is_to_nearest(x, multiplier, shift):
    exact = Fraction(x * multiplier, 2 ** (31 - shift))
    assert int(multiply_once(x, multiplier, shift)) == math.floor(exact + Fraction(1, 2))


@given(st.floats(2.0**-31, 2.0**30))
def test_multiplier_holds_31_bits(real):
    multiplier, shift = quantize_multiplier(real)
    assert 1 << 30 <= multiplier <= INT32_MAX
    assert abs(Fraction(multiplier) * Fraction(2) ** (shift - 31) / Fraction(real) - 1) <= Fraction(1, 2**31)


def test_multiplier_special_cases():
    assert quantize_multiplier(0.0) == (0, 0)
    assert quantize_multiplier(2.0**-33) == (0, 0)
    assert quantize_multiplier(2.0**-32) == (1 << 30, -31)
    assert quantize_multiplier(1.0) == (1 << 30, 1)
    assert quantize_multiplier(1 - 2.0**-40) == (1 << 30, 1)


@pytest.mark.parametrize(("value", "rounded"), [(0.5, 1), (-0.5, -1), (2.5, 3), (-2.5, -3), (-0.4, 0)])
def test_round_half_away(value, rounded):
    assert round_half_away(value) == rounded


def test_exp_of_negative_is_close():
    for integer_bits in (0, 4, 5):
        raw = -np.unique(np.geomspace(1, 2**31 - 1, 2000).astype(np.int64))
        exact = np.exp(raw * 2.0 ** (integer_bits - 31))
        assert np.abs(exp_of_negative(raw, integer_bits) / 2.0**31 - exact).max() < 2e-6
        assert int(exp_of_negative(0, integer_bits)) == INT32_MAX


def test_reciprocals_are_close():
    a = np.linspace(0, INT32_MAX, 1000).astype(np.int64)
    assert np.abs(one_over_one_plus(a) / 2.0**31 - 1 / (1 + a / 2.0**31)).max() < 1e-7
    x = np.unique(np.geomspace(1 << 10, INT32_MAX, 1000).astype(np.int64))
    mantissa, exponent = reciprocal(x, 12)
    assert np.abs(mantissa * 2.0 ** (-31 - exponent) * (x * 2.0 ** (12 - 31)) - 1).max() < 1e-6
