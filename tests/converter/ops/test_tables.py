"""Tables equal LiteRT's operators on all 256 inputs, bit for bit.

Where LiteRT calls the C library's float functions (tanh, erf, ...), its table is as exact as that
library: an entry may differ where the real value lies within a few float32 steps of a rounding
boundary. ELU has no reference kernel, NEG negates the stored integer without regard to quantization,
RSQRT is a fixed-point Newton iteration that is off by one in 1 of 10,000 entries: they are compared
with the function itself.
"""

from __future__ import annotations

import math

import numpy as np
import pytest

from edgewright.converter.ops import tables
from edgewright.converter.ops.hard_swish import hard_swish
from edgewright.converter.ops.lookup import Lookup
from edgewright.converter.program import Quantization, TensorType
from edgewright.errors import ModelError
from tests.converter.ops.cases import (
    RANGE,
    Operand,
    activation,
    assert_exact,
    cases,
    near_tie_scale,
    random_quantization,
    random_scale,
    run_operator,
)

_erf = np.vectorize(math.erf, otypes=[float])


def every(dtype="int8"):
    low, high = RANGE[dtype]
    return np.arange(low, high + 1).astype(dtype).reshape(1, 1, 1, 256)


def random_pair(rng, low=1 / 64, high=64.0):
    """Input quantization, and an output quantization with a scale near the input's."""
    x, y = random_quantization(rng, 1e-5, 20), random_quantization(rng)
    scale = x.scale if rng.random() < 0.1 else float(np.float32(x.scale * random_scale(rng, low, high)))
    if rng.random() < 0.5:
        scale = max(near_tie_scale(rng, x.scale), float(np.float32(x.scale * low)))
    return x, Quantization(scale, y.zero_point)


def check(table, code, x, options=None, label="", **fields):
    values = every()
    want = run_operator(code, [activation(values, x)], values.shape, table.output, options, **fields)
    assert_exact(table.golden(values[0]), want, label, x=x, output=table.output)


@pytest.mark.parametrize(
    ("code", "bounds"),
    [
        ("RELU", (0.0, None)),
        ("RELU6", (0.0, 6.0)),
        ("RELU_N1_TO_1", (-1.0, 1.0)),
        ("RELU_0_TO_1", (0.0, 1.0)),
    ],
)
def test_relu_family(code, bounds):
    for label, rng in cases(code, 200):
        x, y = random_pair(rng)
        check(tables.relu(x, y, bounds), code, x, label=label)


def test_leaky_relu():
    for label, rng in cases("leaky relu", 250):
        x, y = random_pair(rng)
        alpha = float(np.float32(rng.uniform(-1, 1) if rng.random() < 0.8 else rng.uniform(-3, 3)))
        check(tables.leaky_relu(x, y, alpha), "LEAKY_RELU", x, "LeakyReluOptions", label, Alpha=alpha)


def test_hard_swish():
    """LiteRT refuses output scales of at most 1/128 of the input's."""
    for label, rng in cases("hard swish", 300):
        x, y = random_pair(rng, 1 / 80)
        check(hard_swish(x, y), "HARD_SWISH", x, label=label)


def test_abs():
    for label, rng in cases("abs", 200):
        x, y = random_pair(rng)
        check(tables.absolute(x, y), "ABS", x, label=label)


def test_sqrt():
    """LiteRT's values below the input's zero point are undefined: inputs stay at or above it."""
    for label, rng in cases("sqrt", 200):
        x = random_quantization(rng, 1e-4, 2)
        table = tables.sqrt(x, random_quantization(rng, 1e-4, 2))
        values = np.maximum(every(), x.zero_point).astype(np.int8)
        want = run_operator("SQRT", [activation(values, x)], values.shape, table.output)
        assert_exact(table.golden(values[0]), want, label, x=x, output=table.output)


def assert_exact_up_to_the_c_library(table, function, x, code, options=None, label="", **fields):
    """Differences by one are let pass within 4 float32 steps of a boundary, and counted."""
    values = every()
    want = run_operator(code, [activation(values, x)], values.shape, table.output, options, **fields)
    got = table.golden(values[0])[0, 0].astype(int)
    different = np.flatnonzero(got != want.ravel())
    reals = function(np.float32(x.scale) * (values.ravel()[different].astype(np.float32) - x.zero_point))
    boundary = np.abs(np.abs(reals / table.output.scale) % 1 - 0.5)
    steps = boundary / (np.abs(reals / table.output.scale) * 2.0**-23)
    assert (np.abs(got - want.ravel())[different] == 1).all() and (steps < 4).all(), (label, x, table.output)
    return different.size


FUNCTIONS = {
    "LOGISTIC": (tables.sigmoid, lambda v: 1 / (1 + np.exp(-v.astype(float))), None, {}),
    "TANH": (tables.tanh, lambda v: np.tanh(v.astype(float)), None, {}),
    "EXP": (None, lambda v: np.exp(v.astype(float)), None, {}),
    "LOG": (tables.log, lambda v: np.log(v.astype(float)), None, {}),
    "GELU": (
        None,
        lambda v: 0.5 * v.astype(float) * (1 + _erf(v.astype(float) / math.sqrt(2))),
        "GeluOptions",
        {"Approximate": False},
    ),
    "GELU tanh": (
        None,
        lambda v: 0.5 * v * (1 + np.tanh(math.sqrt(2 / math.pi) * (v + 0.044715 * v.astype(float) ** 3))),
        "GeluOptions",
        {"Approximate": True},
    ),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_float_functions(name):
    build, function, options, fields = FUNCTIONS[name]
    differing = entries = 0
    for label, rng in cases(name, 250):
        x = random_quantization(rng, 1e-5 if name != "EXP" else 1e-3, 20 if name != "EXP" else 0.5)
        y = random_quantization(rng, 1e-3, 2)
        if name == "LOGISTIC":  # LiteRT takes no other
            y = Quantization(1 / 256, -128)
        table = build(x, y) if build else tables.unary(function, x, y, name)
        differing += assert_exact_up_to_the_c_library(
            table, function, x, name.split()[0], options, label, **fields
        )
        entries += 256
    assert differing <= entries * 1e-4


@pytest.mark.parametrize("function", [np.negative, np.square, np.sin, np.floor, np.expm1])
def test_unary_is_within_half_a_step(function):
    for label, rng in cases(f"unary {function.__name__}", 50):
        x, y = random_quantization(rng, 1e-3, 0.5), random_quantization(rng, 1e-2, 1)
        table = tables.unary(function, x, y, "f").table.astype(int)
        real = function(x.scale * (np.arange(-128, 128) - x.zero_point))
        exact = np.clip(real / y.scale + y.zero_point, -128, 127)
        # The three float32 roundings of the ratio, relative to its size.
        slack = 3 * np.abs(real / y.scale) * 2.0**-23
        assert (np.abs(table - exact) <= 0.5 + slack).all(), label


def test_unary_of_what_has_no_value():
    y = Quantization(0.1, 5)
    table = tables.unary(np.log, Quantization(1.0, 0), y, "log").table
    assert table[128 - 1] == 5 and table[128] == -128 and table[129] == 5


@pytest.mark.parametrize("input_dtype", RANGE)
@pytest.mark.parametrize("output_dtype", RANGE)
def test_requantize(input_dtype, output_dtype):
    for label, rng in cases(f"requantize {input_dtype} {output_dtype}", 150):
        x = random_quantization(rng, dtype=input_dtype)
        y = random_quantization(rng, dtype=output_dtype)
        if rng.random() < 0.3:  # the same reals
            shift = RANGE[output_dtype][0] - RANGE[input_dtype][0]
            y = Quantization(x.scale, x.zero_point + shift)
        elif rng.random() < 0.5:
            y = Quantization(near_tie_scale(rng, x.scale), y.zero_point)
        values = every(input_dtype)
        op = tables.requantize(x, y, input_dtype=input_dtype, output_dtype=output_dtype)
        operand = Operand(values, x.scale, x.zero_point)
        want = run_operator("QUANTIZE", [operand], values.shape, y, output_dtype=output_dtype)
        assert_exact(op.golden(values[0]), want, label, x=x, y=y)


def test_type_rows_and_refusals():
    q = Quantization(0.1, 0)
    op = tables.requantize(q, Quantization(0.1, 128), output_dtype="uint8")
    x = TensorType((2, 3, 4), "int8", q)
    assert op.output_type(x) == TensorType((2, 3, 4), "uint8", Quantization(0.1, 128))
    assert (op.kind, op.weights_bytes, op.input_rows(1, x)) == ("requantize", 256, (range(1, 2),))
    with pytest.raises(ModelError, match="EW-OP-SHAPE"):
        op.output_type(TensorType((2, 3, 4), "uint8", q))
    with pytest.raises(ModelError, match="EW-OP-SHAPE"):
        Lookup(np.zeros(255, np.int8), "int8", "int8", q, "broken")
