"""Clamps of fused activations, and what a requantization refuses."""

from __future__ import annotations

import numpy as np
import pytest

from edgewright.converter.ops.requantize import Requantize, check_weights, quantized_clamp
from edgewright.converter.program import Quantization
from edgewright.errors import ModelError


@pytest.mark.parametrize(
    ("bounds", "scale", "zero_point", "clamp"),
    [
        ((None, None), 0.1, 5, (-128, 127)),
        ((0.0, None), 0.1, 5, (5, 127)),
        ((0.0, 6.0), 0.1, 5, (5, 65)),
        ((0.0, 6.0), 0.05, 5, (5, 125)),
        ((0.0, 6.0), 0.04, 5, (5, 127)),
        ((-1.0, 1.0), 0.4, 0, (-3, 3)),  # 2.5 rounds away from zero, in float32
        ((0.0, 6.0), 1e-30, 5, (5, 127)),
        ((-1e30, 1e30), 1e-30, 5, (-128, 127)),
        ((200.0, 300.0), 1.0, 0, (127, 127)),
    ],
)
def test_clamp(bounds, scale, zero_point, clamp):
    assert quantized_clamp(bounds, Quantization(scale, zero_point)) == clamp


def test_uint8_clamp():
    assert quantized_clamp((0.0, 6.0), Quantization(0.1, 100), "uint8") == (100, 160)
    assert quantized_clamp((None, None), Quantization(0.1, 100), "uint8") == (0, 255)


def test_channel_counts():
    output = Quantization(0.5, 0)
    assert Requantize.for_conv(0.1, [0.1, 0.2, 0.3], output, None).bias.tolist() == [0, 0, 0]
    assert Requantize.for_conv(0.1, [0.1], output, np.arange(4, dtype=np.int32)).shift.size == 4
    assert Requantize.for_conv(0.1, 0.1, output, None, channels=2).multiplier.size == 2
    with pytest.raises(ModelError, match="EW-OP-SHAPE"):
        Requantize(np.zeros(2, np.int32), np.zeros(3, np.int32), np.zeros(2, np.int32), output)


def test_fully_connected_weights_bound_the_sums():
    """A factor of 2^-20 with sums around 3 * 2^20 reaches one step; the nearest multiplier serves."""
    weights = np.array([[1, -1]], np.int8)
    bias = np.array([3 << 20], np.int32)
    bounded = Requantize.for_fully_connected(0.5, [2.0**-19], Quantization(1.0, 0), bias, weights=weights)
    assert bounded.apply_once(np.array([[0]])).tolist() == [[3]]
    assert bounded.multiplier.tolist() == [1 << 30]


@pytest.mark.parametrize(
    "weights", [np.zeros((3, 2), np.int8), np.zeros((2, 2), np.int32), np.zeros((2, 2, 1), np.int8)]
)
def test_refuses_weights_that_do_not_fit(weights):
    with pytest.raises(ModelError, match="EW-OP-WEIGHTS"):
        check_weights(weights, 2, 0, Requantize.for_conv(0.1, [0.1], Quantization(0.5, 0), None, channels=2))
