"""single_rounding equals the double-precision product at every step, where it says so."""

from __future__ import annotations

import numpy as np
import pytest

from edgewright.converter.ops.fixed_point import multiply_once
from edgewright.converter.ops.single_rounding import round_product, single_rounding
from tests.converter.ops.cases import cases, near_ties


def factor_of_scales(rng, exponent):
    """A product and quotient of float32 scales, or a power of two (exact halves)."""
    if rng.random() < 0.2:
        return 2.0**exponent
    a, b, c = (float(np.float32(rng.uniform(0.5, 1))) for _ in range(3))
    return a * b / c * 2.0 ** (exponent + rng.random())


def misplaced(factor, zero_point, found):
    accumulators = near_ties(factor, zero_point).astype(np.int64)
    got = multiply_once(accumulators, found.multiplier, found.shift)
    want = round_product(accumulators, factor)
    clamped = [np.clip(v + zero_point, -128, 127) for v in (got, want)]
    return int(np.count_nonzero(clamped[0] != clamped[1]))


@pytest.mark.parametrize("exponent", [-12, -11, -10, -8, -6, -3, -1, 0, 2, 5])
def test_exact_for_the_factors_of_real_layers(exponent):
    for label, rng in cases(f"single rounding {exponent}", 100):
        factor, zero_point = factor_of_scales(rng, exponent), int(rng.integers(-128, 128))
        found = single_rounding(factor, range(-127 - zero_point, 128 - zero_point))
        assert found.misplaced == 0, label
        assert misplaced(factor, zero_point, found) == 0, label


@pytest.mark.parametrize("exponent", [-16, -18, -20, -24])
def test_says_how_many_steps_are_misplaced(exponent):
    """Each misplaced step is one accumulator value at which the result is one off."""
    counts = []
    for label, rng in cases(f"single rounding {exponent}", 50):
        factor, zero_point = factor_of_scales(rng, exponent), int(rng.integers(-128, 128))
        found = single_rounding(factor, range(-127 - zero_point, 128 - zero_point))
        # Far off the nearest multiplier a step may be misplaced by more than one accumulator.
        assert (found.misplaced == 0) == (misplaced(factor, zero_point, found) == 0), label
        counts.append(found.misplaced)
    assert max(counts) > 0, "the documented limit is not one"


def test_few_reachable_steps_are_exact_for_any_factor():
    for label, rng in cases("single rounding reachable", 100):
        factor = factor_of_scales(rng, -20)
        centre = int(rng.integers(-(2**26), 2**26))
        reachable = (centre - 2**20, centre + 2**20)
        found = single_rounding(factor, range(-127, 128), reachable)
        assert found.misplaced == 0, label
        accumulators = np.unique(np.clip(near_ties(factor, 0), *reachable)).astype(np.int64)
        got = multiply_once(accumulators, found.multiplier, found.shift)
        assert np.array_equal(
            np.clip(got, -128, 127), np.clip(round_product(accumulators, factor), -128, 127)
        )


def test_tiny_factors_give_the_zero_point():
    assert single_rounding(2.0**-33, range(-127, 128)).multiplier == 0
