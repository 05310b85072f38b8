"""Softmax.golden equals LiteRT's SOFTMAX, bit for bit.

LiteRT aborts where the exponentials' sum reaches 512 (more than 511 channels near the largest);
golden goes on, the outputs are then at most 1/512.
"""

from __future__ import annotations

import numpy as np
import pytest

from edgewright.converter.ops.softmax import OUTPUT, Softmax
from edgewright.converter.program import Quantization, TensorType
from edgewright.errors import ModelError
from tests.converter.ops.cases import (
    activation,
    assert_exact,
    cases,
    random_quantization,
    random_values,
    run_operator,
)


def random_logits(rng):
    """[1, H, W, C]: anything, all equal, close together, or one far above the rest."""
    shape = (1, int(rng.integers(1, 4)), int(rng.integers(1, 4)), int(rng.choice([1, 2, 3, 12, 100, 500])))
    x = random_values(rng, shape)
    mode = rng.random()
    if mode < 0.15:
        return np.full(shape, rng.integers(-128, 128), np.int8)
    if mode < 0.5:
        return (x // 2 ** int(rng.integers(1, 6))).astype(np.int8)
    if mode < 0.6:
        x = (x // 8).astype(np.int8)
        x[..., 0] = 127
    return x


def test_golden_equals_litert():
    for label, rng in cases("softmax", 300):
        q = random_quantization(rng, 1e-5, 50)
        beta = 1.0 if rng.random() < 0.6 else float(np.float32(2.0 ** rng.uniform(-3, 3)))
        x = random_logits(rng)
        want = run_operator("SOFTMAX", [activation(x, q)], x.shape, OUTPUT, "SoftmaxOptions", Beta=beta)
        assert_exact(Softmax.from_scale(q.scale, beta).golden(x[0]), want, label, q=q, beta=beta)


def test_many_equal_channels_are_zero():
    y = Softmax.from_scale(0.1).golden(np.zeros((1, 1, 3000), np.int8))
    assert (y == -128).all()


def test_type_rows_and_refusal():
    x = TensorType((2, 3, 4), "int8", Quantization(0.1, 0))
    op = Softmax.from_scale(0.1)
    assert op.output_type(x) == TensorType((2, 3, 4), "int8", Quantization(1 / 256, -128))
    assert op.input_rows(1, x) == (range(1, 2),)
    with pytest.raises(ModelError, match="EW-OP-SOFTMAX"):
        Softmax.from_scale(1e-9)
