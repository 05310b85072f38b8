"""Add, Sub, Mul with broadcasting and constants, and whole blocks made of them, against onnxruntime."""

from __future__ import annotations

import numpy as np
import pytest

from tests.converter.lower.qdq import Qdq, check

PAIRS = [
    ((1, 3, 4, 5), (1, 3, 4, 5)),
    ((1, 3, 4, 5), (1, 3, 1, 1)),
    ((1, 3, 4, 5), (1, 1, 4, 5)),
    ((1, 3, 4, 5), (1, 1, 1, 5)),
    ((1, 3, 4, 5), (5,)),
    ((1, 3, 1, 1), (1, 1, 4, 5)),
    ((1, 7), (1, 7)),
    ((1, 1), (1, 7)),
    ((1, 6, 4), (1, 6, 1)),
    ((1, 6, 4), (6, 4)),
]


@pytest.mark.parametrize("op", ["Add", "Sub", "Mul"])
@pytest.mark.parametrize("pair", range(len(PAIRS)))
@pytest.mark.parametrize("swapped", [False, True])
def test_broadcasting(op, pair, swapped):
    g = Qdq(seed=pair)
    a = g.input("a", PAIRS[pair][0], scale=0.05, zero_point=3)
    b = g.input("b", PAIRS[pair][1], scale=0.02, zero_point=-9)
    y = g.node("Relu" if pair == 1 else "Identity", [g.node(op, [b, a] if swapped else [a, b])])
    program = check(g.model(g.quantized(y)))
    assert [n.op.kind for n in program.nodes if n.op.kind not in ("reshape", "transpose")] == [op.lower()]


@pytest.mark.parametrize("op", ["Add", "Sub", "Mul"])
@pytest.mark.parametrize("shape", [(1, 3, 4, 5), (3, 1, 1), (4, 1), (1, 1, 1, 1), ()])
@pytest.mark.parametrize("first", [False, True])
@pytest.mark.parametrize("dtype", ["int8", "uint8"])
def test_constants(op, shape, first, dtype):
    g = Qdq(dtype)
    x = g.input("x", (1, 3, 4, 5))
    conv = g.quantized(g.node("Conv", [x, g.weights(g.rng.normal(size=(3, 3, 1, 1)), 0)]))
    c = g.weights(g.rng.normal(size=shape), dtype=dtype, zero_point=128 if dtype == "uint8" else 0)
    y = g.node(op, [c, conv] if first else [conv, c])
    program = check(g.model(g.quantized(y)))
    assert bool(program.constants) == (int(np.prod(shape)) > 1)
    assert not any(n.op.kind == "transpose" for n in program.nodes)


def test_constant_of_a_scrambled_tensor():
    """A constant added after Flatten is permuted like the weights of a following layer."""
    g = Qdq()
    x = g.input("x", (1, 3, 4, 4))
    y = g.quantized(g.node("Conv", [x, g.weights(g.rng.normal(size=(3, 3, 1, 1)), 0)]))
    y = g.quantized(g.node("Add", [g.node("Flatten", [y]), g.weights(g.rng.normal(size=(1, 48)))]))
    y = g.quantized(g.node("Gemm", [y, g.weights(g.rng.normal(size=(48, 3)), 1)]))
    program = check(g.model(y))
    assert [n.op.kind for n in program.nodes if n.op.kind != "reshape"] == ["conv", "add", "fc"]


@pytest.mark.parametrize("op", ["Add", "Sub", "Mul"])
def test_a_tensor_with_itself_is_a_table(op):
    g = Qdq()
    x = g.input("x", (1, 3, 4, 5))
    program = check(g.model(g.quantized(g.node(op, [x, x]), 0.2, -100)))
    assert [type(n.op).__name__ for n in program.nodes] == ["Lookup"]


def test_residual_block():
    g = Qdq("uint8", io="float")
    x = g.input("x", (1, 4, 8, 8))
    y = g.node("Relu", [g.node("Conv", [x, g.weights(g.rng.normal(size=(4, 4, 3, 3)), 0)], pads=[1] * 4)])
    y = g.quantized(y)
    y = g.quantized(g.node("Conv", [y, g.weights(g.rng.normal(size=(4, 4, 3, 3)), 0)], pads=[1] * 4))
    y = g.quantized(g.node("Relu", [g.node("Add", [y, x])]))
    program = check(g.model(y), bound=2)
    assert [n.op.kind for n in program.nodes] == ["quantize", "conv", "conv", "add", "dequantize"]


def test_squeeze_and_excitation():
    g = Qdq()
    x = g.input("x", (1, 4, 6, 6))
    s = g.quantized(g.node("GlobalAveragePool", [x]))
    s = g.node("Relu", [g.node("Conv", [s, g.weights(g.rng.normal(size=(2, 4, 1, 1)), 0)])])
    s = g.quantized(s)
    s = g.quantized(g.node("Conv", [s, g.weights(g.rng.normal(size=(4, 2, 1, 1)), 0)]))
    s = g.quantized(g.node("HardSigmoid", [s], alpha=1 / 6, beta=0.5))
    program = check(g.model(g.quantized(g.node("Mul", [x, s]))), bound=3)
    assert [n.op.kind for n in program.nodes] == ["mean", "conv", "conv", "hard_sigmoid", "mul"]


@pytest.mark.parametrize("activation", ["HardSwish", "composed"])
def test_inverted_bottleneck(activation):
    """Expansion, depthwise with stride 2, projection; each error feeds the next: three steps in all."""
    g = Qdq(io="float")

    def activated(y):
        y = g.quantized(y)
        if activation == "HardSwish":
            return g.quantized(g.node("HardSwish", [y]))
        gate = g.node("HardSigmoid", [y], alpha=1 / 6, beta=0.5)
        return g.quantized(g.node("Mul", [y, gate]))

    x = g.input("x", (1, 4, 9, 9))
    y = activated(g.node("Conv", [x, g.weights(g.rng.normal(size=(12, 4, 1, 1)), 0)]))
    y = g.node(
        "Conv", [y, g.weights(g.rng.normal(size=(12, 1, 3, 3)), 0)], group=12, strides=[2, 2], pads=[1] * 4
    )
    y = activated(y)
    y = g.quantized(g.node("Conv", [y, g.weights(g.rng.normal(size=(6, 12, 1, 1)), 0)]))
    program = check(g.model(y), bound=3)
    assert [type(n.op).__name__ for n in program.nodes].count("Lookup") == 2
