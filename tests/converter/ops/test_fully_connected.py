"""FullyConnected.golden equals LiteRT's FULLY_CONNECTED, bit for bit.

LiteRT multiplies in double precision; the integer form is exact for factors above 2^-13, and below
where the reachable sums pass few steps (test_single_rounding.py). Sums that leave int32 once scaled
are undefined in LiteRT and stay out of the cases.
"""

from __future__ import annotations

import numpy as np
import pytest

from edgewright.converter.ops.fully_connected import FullyConnected
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
    random_quantization,
    random_requantization,
    random_values,
    run_operator,
)
from tests.tflite_builder import ACTIVATION


def reference(x, xq, weights, scales, bias, output, fused="NONE"):
    operands = [activation(x, xq), Operand(weights, scales, constant=True)]
    if bias is not None:
        operands.append(Operand(bias, xq.scale * scales, constant=True))
    return run_operator(
        "FULLY_CONNECTED",
        operands,
        (*x.shape[:-1], len(weights)),
        output,
        "FullyConnectedOptions",
        KeepNumDims=x.ndim > 2,
        FusedActivationFunction=ACTIVATION[fused],
    )


def test_golden_equals_litert():
    for label, rng in cases("fully connected", 400):
        depth, outputs = int(rng.integers(1, 200)), int(rng.integers(1, 40))
        leading = (1,) if rng.random() < 0.6 else (1, int(rng.integers(1, 5)))
        xq = random_quantization(rng)
        x = random_values(rng, (*leading, depth))
        weights = np.maximum(random_values(rng, (outputs, depth)), -127)
        accumulator = int(np.sqrt(depth) * 6000) + 1
        scales, bias, output = random_requantization(rng, xq, outputs, accumulator)
        largest = float(np.max((np.abs(bias.astype(np.float64)) + depth * 2**15) * xq.scale * scales))
        output = Quantization(max(output.scale, float(np.float32(largest / 2**29))), output.zero_point)
        if rng.random() < 0.2:  # exact halves
            scales = np.float32(2.0 ** np.round(np.log2(scales)))
            xq = Quantization(2.0 ** round(np.log2(xq.scale)), xq.zero_point)
            output = Quantization(2.0 ** round(np.log2(output.scale)), output.zero_point)
        bias = None if rng.random() < 0.1 else bias
        fused = str(rng.choice(list(ACTIVATION_RANGES)))
        bounds = {"weights": weights, "input_zero_point": xq.zero_point} if rng.random() < 0.5 else {}
        parameters = Requantize.for_fully_connected(
            xq.scale, scales, output, bias, ACTIVATION_RANGES[fused], channels=outputs, **bounds
        )
        op = FullyConnected(weights, parameters, xq.zero_point)
        want = reference(x, xq, weights, scales, bias, output, fused)
        rows = x.reshape(-1, 1, depth)
        assert_exact(op.golden(rows).reshape(want.shape), want, label, op=op)


@pytest.mark.parametrize("per_channel", [False, True])
def test_requantization_near_every_rounding_boundary(per_channel):
    for label, rng in cases(f"fully connected boundaries {per_channel}", 60):
        xq, output = random_quantization(rng), random_quantization(rng)
        factor = 2.0 ** rng.uniform(-13, 4)
        if rng.random() < 0.2:  # exact halves
            factor = 2.0 ** round(np.log2(factor))
            xq, output = Quantization(0.5, xq.zero_point), Quantization(0.25, output.zero_point)
        bias = near_ties(factor, output.zero_point)
        count = len(bias) if per_channel else 1
        scales = np.full(count, factor * output.scale / xq.scale, np.float32)
        weights = np.zeros((len(bias), 1), np.int8)
        x = random_values(rng, (1, 1))
        op = FullyConnected(weights, Requantize.for_fully_connected(xq.scale, scales, output, bias))
        want = reference(x, xq, weights, scales, bias, output)
        assert_exact(op.golden(x[None]), want, label, factor=factor, output=output)


def test_shape_rows_and_counts():
    parameters = Requantize.for_fully_connected(0.1, [0.1], Quantization(0.2, 3), None, channels=5)
    op = FullyConnected(np.ones((5, 7), np.int8), parameters)
    x = TensorType((2, 3, 7), "int8", Quantization(0.1, 0))
    assert op.output_type(x) == TensorType((2, 3, 5), "int8", Quantization(0.2, 3))
    assert op.input_rows(1, x) == (range(1, 2),)
    assert op.macs(x) == 2 * 3 * 35
    assert op.weights_bytes == 35 + 20
    with pytest.raises(ModelError, match="EW-OP-SHAPE"):
        op.output_type(TensorType((2, 7, 3)))
