"""DepthwiseConv2D.golden equals LiteRT's DEPTHWISE_CONV_2D, bit for bit."""

from __future__ import annotations

import numpy as np
import pytest

from edgewright.converter.ops.base import Padding
from edgewright.converter.ops.depthwise import DepthwiseConv2D
from edgewright.converter.ops.requantize import Requantize
from edgewright.converter.program import Quantization, TensorType
from edgewright.errors import ModelError
from tests.converter.ops.cases import (
    ACTIVATION_RANGES,
    Operand,
    activation,
    assert_exact,
    cases,
    random_geometry,
    random_quantization,
    random_requantization,
    random_values,
    run_operator,
)
from tests.tflite_builder import ACTIVATION


def test_golden_equals_litert():
    for label, rng in cases("depthwise", 300):
        size, window, stride, dilation, padding_code, padding = random_geometry(rng)
        depth, multiplier = int(rng.integers(1, 12)), int(rng.choice([1, 1, 2, 3, 8]))
        xq = random_quantization(rng)
        x = random_values(rng, (1, *size, depth))
        weights = np.maximum(random_values(rng, (*window, depth * multiplier)), -127)
        accumulator = int(np.sqrt(window[0] * window[1]) * 6000) + 1
        scales, bias, output = random_requantization(rng, xq, depth * multiplier, accumulator)
        fused = str(rng.choice(list(ACTIVATION_RANGES)))
        parameters = Requantize.for_conv(xq.scale, scales, output, bias, ACTIVATION_RANGES[fused])
        op = DepthwiseConv2D(weights, parameters, stride, dilation, padding, multiplier, xq.zero_point)
        kind = op.output_type(TensorType(x.shape[1:], "int8", xq))
        want = run_operator(
            "DEPTHWISE_CONV_2D",
            [
                activation(x, xq),
                Operand(weights[None], scales, constant=True, axis=3),
                Operand(bias, xq.scale * scales, constant=True),
            ],
            (1, *kind.shape),
            output,
            "DepthwiseConv2DOptions",
            Padding=padding_code,
            StrideH=stride[0],
            StrideW=stride[1],
            DilationHFactor=dilation[0],
            DilationWFactor=dilation[1],
            DepthMultiplier=multiplier,
            FusedActivationFunction=ACTIVATION[fused],
        )
        assert_exact(op.golden(x[0]), want, label, op=op)


def three_by_three(channels=4, multiplier=2):
    parameters = Requantize.for_conv(0.1, [0.1], Quantization(0.1, 0), None, channels=channels * multiplier)
    weights = np.ones((3, 3, channels * multiplier), np.int8)
    return DepthwiseConv2D(weights, parameters, (2, 2), padding=Padding(0, 1, 0, 1), multiplier=multiplier)


def test_shape_rows_and_counts():
    x = TensorType((6, 8, 4), "int8", Quantization(0.1, 0))
    op = three_by_three()
    assert op.output_type(x).shape == (3, 4, 8)
    assert [op.input_rows(r, x) for r in range(3)] == [(range(0, 3),), (range(2, 5),), (range(4, 7),)]
    assert op.macs(x) == 3 * 4 * 8 * 9
    assert op.weights_bytes == 72 + 32


@pytest.mark.parametrize("shape", [(1, 8, 4), (6, 1, 4), (6, 8, 8)])
def test_refuses_what_does_not_fit(shape):
    with pytest.raises(ModelError, match="EW-OP-SHAPE"):
        three_by_three().output_type(TensorType(shape))
