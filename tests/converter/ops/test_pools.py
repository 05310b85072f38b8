"""AveragePool and MaxPool equal LiteRT's AVERAGE_POOL_2D and MAX_POOL_2D, bit for bit."""

from __future__ import annotations

import numpy as np
import pytest

from edgewright.converter.ops.average_pool import AveragePool
from edgewright.converter.ops.base import Padding
from edgewright.converter.ops.max_pool import MaxPool
from edgewright.converter.ops.requantize import quantized_clamp
from edgewright.converter.program import Quantization, TensorType
from edgewright.errors import ModelError
from tests.converter.ops.cases import (
    ACTIVATION_RANGES,
    activation,
    assert_exact,
    cases,
    random_geometry,
    random_quantization,
    random_values,
    run_operator,
)
from tests.tflite_builder import ACTIVATION

OPERATORS = {"AVERAGE_POOL_2D": AveragePool, "MAX_POOL_2D": MaxPool}


@pytest.mark.parametrize("code", OPERATORS)
def test_golden_equals_litert(code):
    for label, rng in cases(code, 300):
        size, window, stride, _, padding_code, padding = random_geometry(rng, dilated=False)
        if rng.random() < 0.2:  # global
            window, stride, padding = size, (1, 1), Padding()
            padding_code = 1
        xq = random_quantization(rng)
        x = random_values(rng, (1, *size, int(rng.integers(1, 20))))
        fused = str(rng.choice(list(ACTIVATION_RANGES)))
        op = OPERATORS[code](window, stride, padding, quantized_clamp(ACTIVATION_RANGES[fused], xq))
        kind = op.output_type(TensorType(x.shape[1:], "int8", xq))
        want = run_operator(
            code,
            [activation(x, xq)],
            (1, *kind.shape),
            xq,
            "Pool2DOptions",
            Padding=padding_code,
            StrideH=stride[0],
            StrideW=stride[1],
            FilterHeight=window[0],
            FilterWidth=window[1],
            FusedActivationFunction=ACTIVATION[fused],
        )
        assert_exact(op.golden(x[0]), want, label, op=op)


@pytest.mark.parametrize("operator", OPERATORS.values())
def test_shape_and_rows(operator):
    x = TensorType((5, 7, 3), "int8", Quantization(0.1, 4))
    op = operator((3, 2), (2, 2), Padding(1, 1, 0, 1))
    assert op.output_type(x) == TensorType((3, 4, 3), "int8", Quantization(0.1, 4))
    assert [op.input_rows(r, x) for r in range(3)] == [(range(-1, 2),), (range(1, 4),), (range(3, 6),)]


@pytest.mark.parametrize("operator", OPERATORS.values())
def test_refuses_windows_without_elements(operator):
    with pytest.raises(ModelError, match="EW-OP-SHAPE"):
        operator((2, 2), (1, 1), Padding(2, 0, 0, 0)).output_type(TensorType((5, 5, 1)))
    with pytest.raises(ModelError, match="EW-OP-SHAPE"):
        operator((6, 2), (1, 1)).output_type(TensorType((5, 5, 1)))


def test_average_rounds_halves_away_from_zero():
    pair = np.array([[[1, -1]], [[2, -2]]], np.int8)
    assert AveragePool((2, 1), (1, 1)).golden(pair).tolist() == [[[2, -2]]]
