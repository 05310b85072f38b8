"""Chains of unary operators become one table, against onnxruntime."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tests.converter.lower.qdq import Qdq, check

PLAIN = (
    *("Sigmoid", "Tanh", "Exp", "Abs", "Neg", "Softplus", "Softsign", "Mish"),
    *("Erf", "Sin", "Cos", "Floor", "Ceil", "Round", "Sign", "HardSwish"),
)
WITH_ATTRIBUTES = [
    ("LeakyRelu", {"alpha": 0.2}),
    ("LeakyRelu", {"alpha": -0.3}),
    ("Elu", {"alpha": 0.7}),
    ("Selu", {}),
    ("Celu", {"alpha": 1.5}),
    ("HardSigmoid", {"alpha": 0.3, "beta": 0.4}),
    ("ThresholdedRelu", {"alpha": 0.5}),
    ("Gelu", {}),
    ("Gelu", {"approximate": "tanh"}),
]


def _every(g: Qdq, scale: float = 0.04, zero_point: int = 3) -> str:
    """All 256 values of an input."""
    return g.input("x", (1, 256), scale, zero_point)


@pytest.mark.parametrize("dtype", ["int8", "uint8"])
@pytest.mark.parametrize("op", PLAIN)
def test_plain(op, dtype):
    g = Qdq(dtype)
    program = check(g.model(g.quantized(g.node(op, [_every(g)]))), runs=8)
    assert [type(n.op).__name__ for n in program.nodes] == ["Lookup"]


@pytest.mark.parametrize("op", ["Log", "Sqrt", "Reciprocal"])
def test_on_positive_numbers(op):
    g = Qdq()
    x = g.node("Add", [_every(g, 0.02, -128), g.constant(np.float32(0.5))])
    program = check(g.model(g.quantized(g.node(op, [x]))), runs=8)
    assert [n.op.kind for n in program.nodes] == [f"add_{op.lower()}"]


@pytest.mark.parametrize("case", range(len(WITH_ATTRIBUTES)))
def test_with_attributes(case):
    op, attributes = WITH_ATTRIBUTES[case]
    g = Qdq()
    check(g.model(g.quantized(g.node(op, [_every(g)], **attributes))), runs=8)


def test_prelu_with_one_slope():
    g = Qdq()
    check(g.model(g.quantized(g.node("PRelu", [_every(g), g.constant([0.3], np.float32)]))), runs=8)


@pytest.mark.parametrize("op,kind", [("Relu", "relu"), ("Clip6", "relu6"), ("Clip", "clip"), ("Max", "relu")])
def test_clamps(op, kind):
    g = Qdq()
    x = _every(g, 0.1, 3)
    zero, six, low = (g.constant(np.float32(v)) for v in (0, 6, -1))
    y = {
        "Relu": lambda: g.node("Relu", [x]),
        "Clip6": lambda: g.node("Clip", [x, zero, six]),
        "Clip": lambda: g.node("Clip", [x, low, six]),
        "Max": lambda: g.node("Max", [x, zero]),
    }[op]()
    program = check(g.model(g.quantized(y, 0.07, -20)), runs=8)
    assert [n.op.kind for n in program.nodes] == [kind]


def _silu(g, x):
    return g.node("Mul", [x, g.node("Sigmoid", [x])])


def _hard_swish(g, x):
    three, six = g.constant(np.float32(3)), g.constant(np.float32(6))
    gate = g.node("Clip", [g.node("Add", [x, three]), g.constant(np.float32(0)), six])
    return g.node("Div", [g.node("Mul", [x, gate]), six])


def _gelu(g, x):
    inner = g.node("Erf", [g.node("Div", [x, g.constant(np.float32(math.sqrt(2)))])])
    inner = g.node("Add", [g.constant(np.float32(1)), inner])
    return g.node("Mul", [g.node("Mul", [x, inner]), g.constant(np.float32(0.5))])


def _mish(g, x):
    return g.node("Mul", [x, g.node("Tanh", [g.node("Softplus", [x])])])


def _affine(g, x):
    y = g.node("Sub", [g.constant(np.float32(1)), g.node("Mul", [x, g.constant(np.float32(-2))])])
    return g.node("Pow", [g.node("Min", [y, g.constant(np.float32(3))]), g.constant(np.float32(2))])


@pytest.mark.parametrize("dtype", ["int8", "uint8"])
@pytest.mark.parametrize("pattern", [_silu, _hard_swish, _gelu, _mish, _affine])
def test_patterns_of_several_nodes(pattern, dtype):
    g = Qdq(dtype)
    program = check(g.model(g.quantized(pattern(g, _every(g)))), runs=8)
    assert [type(n.op).__name__ for n in program.nodes] == ["Lookup"]


def test_requantize_and_its_removal():
    g = Qdq()
    x = _every(g, 0.04, 3)
    program = check(g.model(g.quantized(x, 0.05, -7), g.quantized(x, 0.04, 3)), runs=8)
    assert [n.op.kind for n in program.nodes] == ["requantize"]
    assert program.outputs[1].value == program.inputs[0].value


def test_view_inside_a_chain():
    """Reshapes between the operators of a chain do not break it."""
    g = Qdq()
    y = g.node("Reshape", [g.node("Sigmoid", [_every(g)]), g.constant([16, 16], np.int64)])
    program = check(g.model(g.quantized(g.node("Neg", [y]))), runs=4)
    assert [n.op.kind for n in program.nodes] == ["sigmoid_neg"]
