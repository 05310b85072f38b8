"""Weights of the ONNX type INT4: which format they get, and the same results as onnxruntime."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import TensorProto, helper

from edgewright.converter.lower import lower
from edgewright.errors import ModelError
from tests.converter.lower.qdq import Qdq, check, imported

LEVELS = {
    "int4": np.arange(-8, 8),
    "int2": np.array([-3, -1, 1, 3]),
    "ternary": np.array([-1, 0, 1]),
    "binary": np.array([-1, 1]),
}


def packed_weights(g: Qdq, integers: np.ndarray, axis: int | None = 0) -> str:
    """Dequantized INT4 weights, with a scale for each output channel."""
    name = g.name("w")
    tensor = helper.make_tensor(name, TensorProto.INT4, integers.shape, integers.ravel().tolist())
    g.initializers.append(tensor)
    channels = integers.shape[axis] if axis is not None else 1
    scale = g.rng.uniform(0.01, 0.1, channels).astype(np.float32)
    zero = g.name("z")
    g.initializers.append(helper.make_tensor(zero, TensorProto.INT4, (channels,), [0] * channels))
    return str(g.node("DequantizeLinear", [name, g.constant(scale), zero], axis=axis or 0))


def integers(g: Qdq, name: str, *shape: int) -> np.ndarray:
    """Random weights that use every level of a format."""
    values = g.rng.choice(LEVELS[name], shape)
    values.reshape(-1)[: LEVELS[name].size] = LEVELS[name]
    return values.astype(np.int8)


def formats(program) -> list[str]:
    return [n.op.weight_format for n in program.nodes if hasattr(n.op, "weight_format")]


@pytest.mark.parametrize("name", LEVELS)
def test_convolutions(name):
    g = Qdq()
    x = g.input("x", (1, 4, 8, 7))
    first = packed_weights(g, integers(g, name, 6, 2, 3, 3))
    y = g.quantized(g.node("Relu", [g.node("Conv", [x, first], group=2, pads=[1, 1, 1, 1])]))
    second = packed_weights(g, integers(g, name, 6, 1, 3, 3))
    y = g.quantized(g.node("Conv", [y, second], group=6, strides=[2, 2]))
    # A step of the first layer's result may become another one of the second's.
    program = check(g.model(y), bound=2)
    assert formats(program) == [name, name]
    for node in program.nodes:
        assert node.op.weights.dtype == np.int8
        bits = {"int4": 4, "int2": 2, "ternary": 2, "binary": 1}[name]
        assert node.op.weights_bytes == -(-node.op.weights.size * bits // 8) + 4 * 6


@pytest.mark.parametrize("name", LEVELS)
@pytest.mark.parametrize("op", ["Gemm", "MatMul"])
def test_fully_connected(op, name):
    g = Qdq()
    x = g.input("x", (2, 18))
    values = integers(g, name, 18, 5)
    y = g.quantized(g.node(op, [x, packed_weights(g, values, 1)]))
    program = check(g.model(y))
    assert formats(program) == [name]


def test_weights_keep_their_format_through_a_transposition():
    g = Qdq()
    x = g.input("x", (1, 3, 6, 6))
    flat = g.node("Flatten", [x])
    w = packed_weights(g, integers(g, "ternary", 5, 108))
    y = g.quantized(g.node("MatMul", [flat, g.node("Transpose", [w], perm=[1, 0])]))
    assert formats(check(g.model(y))) == ["ternary"]


def test_int8_weights_stay_int8():
    g = Qdq()
    x = g.input("x", (2, 16))
    y = g.quantized(g.node("MatMul", [x, g.weights(g.rng.choice([-1.0, 1.0], (16, 4)))]))
    assert formats(check(g.model(y))) == ["int8"]


def test_negative_alpha_of_the_most_negative_weight():
    g = Qdq()
    x = g.input("x", (2, 16))
    w = packed_weights(g, integers(g, "int4", 16, 4), 1)
    y = g.quantized(g.node("Gemm", [x, w], alpha=-1.0))
    with pytest.raises(ModelError, match="a weight is -8"):
        lower(imported(g.model(y)))
