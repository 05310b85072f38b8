"""Quantize and Dequantize equal LiteRT's QUANTIZE of floats and DEQUANTIZE, bit for bit.

LiteRT's result is undefined where |x / scale| reaches 2^31, and for NaN; golden saturates, and gives the
zero point.
"""

from __future__ import annotations

import numpy as np
import pytest

from edgewright.converter.ops.quantize import Dequantize, Quantize
from edgewright.converter.program import Quantization, TensorType
from tests.converter.ops.cases import (
    RANGE,
    Operand,
    assert_exact,
    cases,
    random_quantization,
    run_operator,
)


def floats_near_boundaries(rng, q, dtype):
    """[1, 4, 8, 8] float32 at and next to steps and half steps, beyond both ends too."""
    low, high = RANGE[dtype]
    steps = rng.integers(low - 20, high + 21, (1, 4, 8, 8)) - q.zero_point
    x = ((steps + rng.choice([0, 0.5, -0.5, 0.25], steps.shape)) * q.scale).astype(np.float32)
    moved = np.nextafter(x, rng.choice([-np.inf, np.inf], x.shape).astype(np.float32))
    x = np.where(rng.random(x.shape) < 0.5, moved, x)
    x[0, 0, 0, :4] = [1e-45, -1e-45, 0.0, -0.0]
    x[0, 0, 1, :2] = [q.scale * 2**30, -q.scale * 2**30]
    return x


@pytest.mark.parametrize("dtype", RANGE)
def test_quantize_equals_litert(dtype):
    for label, rng in cases(f"quantize {dtype}", 200):
        q = random_quantization(rng, 1e-6, 100, dtype)
        x = floats_near_boundaries(rng, q, dtype)
        want = run_operator("QUANTIZE", [Operand(x)], x.shape, q, output_dtype=dtype)
        assert_exact(Quantize(q, dtype).golden(x[0]), want, label, q=q)


@pytest.mark.parametrize("dtype", RANGE)
def test_dequantize_equals_litert(dtype):
    low, high = RANGE[dtype]
    x = np.arange(low, high + 1).astype(dtype).reshape(1, 4, 8, 8)
    for label, rng in cases(f"dequantize {dtype}", 200):
        q = random_quantization(rng, 1e-6, 100, dtype)
        operand = Operand(x, q.scale, q.zero_point)
        want = run_operator("DEQUANTIZE", [operand], x.shape, None, output_dtype="float32", version=2)
        assert_exact(Dequantize(q).golden(x[0]), want, label, q=q)


def test_what_is_no_number():
    x = np.array([[[np.nan, np.inf, -np.inf, 3e38]]], np.float32)
    assert Quantize(Quantization(1e-3, 7)).golden(x).tolist() == [[[7, 127, -128, 127]]]


def test_types_and_rows():
    q = Quantization(0.1, 128)
    x, y = TensorType((2, 3, 4), "float32"), TensorType((2, 3, 4), "uint8", q)
    assert Quantize(q, "uint8").output_type(x) == y
    assert Dequantize(q).output_type(y) == x
    assert Quantize(q, "uint8").input_rows(1, x) == Dequantize(q).input_rows(1, y) == (range(1, 2),)
