"""The cheap requantization forms are chosen only where they are exact."""

from __future__ import annotations

import numpy as np
import pytest

from edgewright.converter.ops.requantize import Requantize
from edgewright.converter.program import Quantization
from edgewright.targets.codegen.kernels.requantization import epilogue

ALL = ("relu", "linear", "bounded", "general")


def requantize(bias=0, shift=-5, zero_point=-128, clamp=(-128, 127), multiplier=1 << 30):
    values = [np.array([v], np.int32) for v in (bias, multiplier, shift)]
    return Requantize(*values, Quantization(0.1, zero_point), clamp)


WEIGHTS = np.full((1, 1, 1, 64), 127, np.int8)


@pytest.mark.parametrize(
    ("parameters", "forms", "want"),
    [
        ({}, ALL, "relu"),
        ({"zero_point": 3}, ALL, "linear"),
        ({"clamp": (-128, 100)}, ALL, "bounded"),
        ({"clamp": (-100, 127), "zero_point": -100}, ALL, "bounded"),
        ({"shift": 0}, ALL, "general"),
        ({"shift": 2}, ALL, "general"),
        ({"shift": -31}, ALL, "general"),
        ({"bias": 1 << 30}, ALL, "general"),
        ({"bias": -(1 << 30)}, ALL, "general"),
        ({}, ("bounded", "general"), "bounded"),
        ({}, ("general",), "general"),
        ({}, ("once_right", "once"), "once_right"),
        ({"shift": 0}, ("once_right", "once"), "once"),
    ],
)
def test_form(parameters, forms, want):
    assert epilogue(requantize(**parameters), WEIGHTS, 0, forms).form == want


def test_zero_point_is_folded_into_the_bias():
    call = epilogue(requantize(bias=7), WEIGHTS, -3, ALL)
    assert call.bias.tolist() == [7 + 3 * 127 * 64]


@pytest.mark.parametrize("bias", [0, 1 << 30, -(1 << 30), 12345])
@pytest.mark.parametrize("shift", [-31, -20, -3, 0, 1])
def test_dead_channels_keep_their_constant_in_a_cheap_form(bias, shift):
    """An all-zero filter with an extreme bias must not force the general form on its layer."""
    weights = np.zeros((1, 1, 1, 64), np.int8)
    original = requantize(bias=bias, shift=shift)
    want = original.apply_twice(np.zeros((1, 1), np.int64))
    call = epilogue(original, weights, 5, ALL)
    assert call.form == "relu"
    settled = Requantize(call.bias, call.multiplier, -(call.shift + 1), original.output, original.clamp)
    assert settled.apply_twice(np.zeros((1, 1), np.int64)) == want


def test_accumulators_wrap_as_int32():
    """A folded bias beyond 32 bits wraps, as the sum it belongs to does."""
    weights = np.full((1, 1, 1, 70000), 127, np.int8)
    call = epilogue(requantize(bias=2**31 - 1), weights, -128, ALL)
    folded = 2**31 - 1 + 128 * 127 * 70000
    assert call.bias[0] == (folded + 2**31) % 2**32 - 2**31
    assert call.form == "general"
