"""Conv2D.golden equals LiteRT's CONV_2D, bit for bit."""

from __future__ import annotations

import time

import numpy as np
import pytest

from edgewright.converter.ops.base import Padding
from edgewright.converter.ops.conv2d import Conv2D
from edgewright.converter.ops.requantize import Requantize
from edgewright.converter.program import Quantization, TensorType
from edgewright.errors import ModelError
from tests.converter.ops.cases import (
    ACTIVATION_RANGES,
    Operand,
    activation,
    assert_exact,
    cases,
    near_ties,
    random_geometry,
    random_quantization,
    random_requantization,
    random_values,
    run_operator,
)
from tests.tflite_builder import ACTIVATION, VALID


def test_golden_equals_litert():
    for label, rng in cases("conv", 300):
        size, window, stride, dilation, padding_code, padding = random_geometry(rng)
        groups = 1 if rng.random() < 0.7 else int(rng.integers(2, 4))
        depth, outputs = int(rng.integers(1, 12)), groups * int(rng.integers(1, 6))
        xq = random_quantization(rng)
        x = random_values(rng, (1, *size, depth * groups))
        weights = np.maximum(random_values(rng, (outputs, *window, depth)), -127)
        accumulator = int(np.sqrt(weights[0].size) * 6000) + 1
        scales, bias, output = random_requantization(rng, xq, outputs, accumulator)
        fused = str(rng.choice(list(ACTIVATION_RANGES)))
        parameters = Requantize.for_conv(xq.scale, scales, output, bias, ACTIVATION_RANGES[fused])
        op = Conv2D(weights, parameters, stride, dilation, padding, groups, xq.zero_point)
        kind = op.output_type(TensorType(x.shape[1:], "int8", xq))
        want = run_operator(
            "CONV_2D",
            [
                activation(x, xq),
                Operand(weights, scales, constant=True),
                Operand(bias, xq.scale * scales, constant=True),
            ],
            (1, *kind.shape),
            output,
            "Conv2DOptions",
            Padding=padding_code,
            StrideH=stride[0],
            StrideW=stride[1],
            DilationHFactor=dilation[0],
            DilationWFactor=dilation[1],
            FusedActivationFunction=ACTIVATION[fused],
        )
        assert_exact(op.golden(x[0]), want, label, op=op)


def test_requantization_near_every_rounding_boundary():
    """Biases put the accumulator next to every value's boundary, with factors from 2^-20 to 2^4."""
    for label, rng in cases("conv boundaries", 60):
        xq, output = random_quantization(rng), random_quantization(rng)
        factor = 2.0 ** rng.uniform(-20, 4)
        bias = near_ties(factor, output.zero_point)
        scales = np.full(len(bias), factor * output.scale / xq.scale, np.float32)
        weights = np.zeros((len(bias), 1, 1, 1), np.int8)
        x = random_values(rng, (1, 1, 1, 1))
        op = Conv2D(weights, Requantize.for_conv(xq.scale, scales, output, bias))
        want = run_operator(
            "CONV_2D",
            [
                activation(x, xq),
                Operand(weights, scales, constant=True),
                Operand(bias, xq.scale * scales, constant=True),
            ],
            (1, 1, 1, len(bias)),
            output,
            "Conv2DOptions",
            Padding=VALID,
            StrideH=1,
            StrideW=1,
            DilationHFactor=1,
            DilationWFactor=1,
        )
        assert_exact(op.golden(x[0]), want, label, factor=factor, output=output)


def one_by_one(outputs=4, inputs=3, groups=1, **attributes):
    parameters = Requantize.for_conv(0.1, [0.1], Quantization(0.1, 0), None, channels=outputs)
    weights = np.ones((outputs, 3, 3, inputs), np.int8)
    return Conv2D(weights, parameters, groups=groups, **attributes)


def test_shape_rows_and_counts():
    op = one_by_one(stride=(2, 1), padding=Padding(1, 1, 0, 0))
    x = TensorType((5, 7, 3), "int8", Quantization(0.1, 0))
    assert op.output_type(x) == TensorType((3, 5, 4), "int8", Quantization(0.1, 0))
    assert [op.input_rows(r, x) for r in range(3)] == [(range(-1, 2),), (range(1, 4),), (range(3, 6),)]
    assert op.macs(x) == 3 * 5 * 4 * 27
    assert op.weights_bytes == 4 * 27 + 4 * 4


def test_input_rows_are_the_rows_that_matter():
    for label, rng in cases("conv rows", 20):
        size, window, stride, dilation, _, padding = random_geometry(rng)
        xq = random_quantization(rng)
        parameters = Requantize.for_conv(xq.scale, [0.01], Quantization(0.05, 0), None, channels=2)
        weights = random_values(rng, (2, *window, 2))
        op = Conv2D(weights, parameters, stride, dilation, padding, 1, xq.zero_point)
        x = random_values(rng, (*size, 2))
        whole = op.golden(x)
        kind = TensorType(x.shape, "int8", xq)
        for row in range(whole.shape[0]):
            (needed,) = op.input_rows(row, kind)
            other = random_values(rng, x.shape)
            inside = [r for r in needed if 0 <= r < size[0]]
            other[inside] = x[inside]
            assert np.array_equal(op.golden(other)[row], whole[row]), label


@pytest.mark.parametrize("shape", [(2, 5, 3), (5, 2, 3), (5, 5, 4)])
def test_refuses_what_does_not_fit(shape):
    with pytest.raises(ModelError, match="EW-OP-SHAPE"):
        one_by_one().output_type(TensorType(shape))


def test_golden_of_a_large_layer_is_fast():
    """7.5 million multiply-accumulates, a whole visual wake words network."""
    rng = np.random.default_rng(0)
    parameters = Requantize.for_conv(0.02, [0.01], Quantization(0.05, 0), None, channels=64)
    op = Conv2D(random_values(rng, (64, 3, 3, 56)), parameters, padding=Padding(1, 1, 1, 1))
    x = random_values(rng, (15, 15, 56))
    started = time.perf_counter()
    op.golden(x)
    assert time.perf_counter() - started < 1.0
