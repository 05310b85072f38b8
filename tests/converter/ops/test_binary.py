"""Add, Sub and Mul equal LiteRT's ADD, SUB and MUL, bit for bit.

LiteRT aborts where 2 * largest input scale / (2^20 * output scale) reaches 1; the cases stay below.
"""

from __future__ import annotations

import numpy as np
import pytest

from edgewright.converter.ops.binary import Add, Mul
from edgewright.converter.program import Quantization, TensorType
from edgewright.errors import ModelError
from tests.converter.ops.cases import (
    ACTIVATION_RANGES,
    Operand,
    activation,
    assert_exact,
    cases,
    near_tie_scale,
    random_quantization,
    random_scale,
    random_values,
    run_operator,
)
from tests.tflite_builder import ACTIVATION

# TFLite code -> (constructor, options table).
OPERATORS = {
    "ADD": (lambda a, b, y, r: Add.from_types(a, b, y, r, 1), "AddOptions"),
    "SUB": (lambda a, b, y, r: Add.from_types(a, b, y, r, -1), "SubOptions"),
    "MUL": (Mul.from_types, "MulOptions"),
}


def random_shapes(rng):
    """Two HWC shapes: equal, one broadcast in some dimensions, or each in others."""
    shape = tuple(int(n) for n in rng.integers(1, 8, 3))
    mode = rng.random()
    if mode < 0.4:
        return shape, shape
    first = tuple(1 if rng.random() < 0.5 else n for n in shape)
    second = tuple(1 if rng.random() < 0.5 else n for n in shape)
    return (shape, second) if mode < 0.6 else (first, shape) if mode < 0.8 else (first, second)


def random_output(rng, code, a, b):
    """Output quantization around the natural scale; for a tenth of the cases far off it."""
    natural = a.scale * b.scale * 128 if code == "MUL" else max(a.scale, b.scale)
    spread = 500 if rng.random() < 0.1 else 4
    output = random_quantization(rng)
    if code == "MUL" and rng.random() < 0.5:
        factors = rng.integers(1, 128, 2)
        scale = near_tie_scale(rng, a.scale * b.scale, int(factors[0] * factors[1]))
        return Quantization(max(scale, float(np.float32(1e-8))), output.zero_point)
    scale = max(natural * random_scale(rng, 1 / spread, spread), 1e-8)
    return Quantization(float(np.float32(scale)), output.zero_point)


@pytest.mark.parametrize("code", OPERATORS)
def test_golden_equals_litert(code):
    construct, options = OPERATORS[code]
    for label, rng in cases(code, 300):
        shapes = random_shapes(rng)
        a, b = random_quantization(rng), random_quantization(rng)
        if rng.random() < 0.2:
            b = Quantization(a.scale, b.zero_point)
        output = random_output(rng, code, a, b)
        fused = str(rng.choice(list(ACTIVATION_RANGES)))
        x, y = (random_values(rng, (1, *shape)) for shape in shapes)
        op = construct(a, b, output, ACTIVATION_RANGES[fused])
        golden = op.golden(x[0], y[0])
        kind = op.output_type(TensorType(shapes[0], "int8", a), TensorType(shapes[1], "int8", b))
        second = Operand(y, b.scale, b.zero_point, constant=bool(rng.random() < 0.3))
        want = run_operator(
            code,
            [activation(x, a), second],
            (1, *kind.shape),
            output,
            options,
            FusedActivationFunction=ACTIVATION[fused],
        )
        assert golden.shape == kind.shape, label
        assert_exact(golden, want, label, a=a, b=b, output=output, fused=fused)


@pytest.mark.parametrize("code", OPERATORS)
def test_every_pair_of_values(code):
    construct, options = OPERATORS[code]
    values = np.arange(-128, 128, dtype=np.int8)
    for label, rng in cases(f"{code} pairs", 60):
        a, b = random_quantization(rng), random_quantization(rng)
        output = random_output(rng, code, a, b)
        x, y = values.reshape(1, 256, 1, 1), values.reshape(1, 1, 1, 256)
        want = run_operator(code, [activation(x, a), activation(y, b)], (1, 256, 1, 256), output, options)
        golden = construct(a, b, output, (None, None)).golden(x[0], y[0])
        assert_exact(golden, want, label, a=a, b=b, output=output)


def test_kinds_and_rows():
    q = Quantization(0.1, 0)
    add, sub, mul = (OPERATORS[c][0](q, q, q, (None, None)) for c in OPERATORS)
    assert (add.kind, sub.kind, mul.kind) == ("add", "sub", "mul")
    whole, row = TensorType((4, 3, 2), "int8", q), TensorType((1, 1, 2), "int8", q)
    assert add.input_rows(2, whole, row) == (range(2, 3), range(0, 1))
    assert mul.output_type(row, whole) == TensorType((4, 3, 2), "int8", q)


def test_refuses_shapes_that_do_not_broadcast():
    q = Quantization(0.1, 0)
    with pytest.raises(ModelError, match="EW-OP-SHAPE"):
        Mul.from_types(q, q, q).output_type(TensorType((4, 3, 2)), TensorType((4, 2, 2)))
