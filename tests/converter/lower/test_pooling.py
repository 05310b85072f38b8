"""Pools, means and softmax against onnxruntime."""

from __future__ import annotations

import numpy as np
import pytest

from tests.converter.lower.qdq import Qdq, check

SHAPE = (1, 3, 9, 8)
WINDOWS = [
    {"kernel_shape": [2, 2], "strides": [2, 2]},
    {"kernel_shape": [3, 3], "strides": [2, 1], "pads": [1, 0, 1, 2]},
    {"kernel_shape": [3, 2], "auto_pad": "SAME_UPPER", "strides": [2, 2]},
    {"kernel_shape": [2, 3], "strides": [2, 2], "ceil_mode": 1},
    {"kernel_shape": [9, 8]},
]


@pytest.mark.parametrize("window", range(len(WINDOWS)))
@pytest.mark.parametrize("dtype", ["int8", "uint8"])
def test_max_pool(window, dtype):
    g = Qdq(dtype)
    zero = 3 if dtype == "int8" else 131
    y = g.node("MaxPool", [g.input("x", SHAPE)], **WINDOWS[window])
    program = check(g.model(g.quantized(y, 0.05, zero)))
    assert "maxpool" in [n.op.kind for n in program.nodes]


@pytest.mark.parametrize("scale", [0.05, 0.03])
@pytest.mark.parametrize("window", range(len(WINDOWS)))
def test_average_pool(window, scale):
    g = Qdq()
    y = g.node("AveragePool", [g.input("x", SHAPE)], **WINDOWS[window])
    # Partly filled windows are averaged, then requantized: the two roundings may add up.
    padded = window in (1, 2, 3)
    program = check(g.model(g.quantized(y, scale, 3)), bound=2 if padded and scale != 0.05 else 1)
    first = program.nodes[0].op.kind
    assert first == ("avgpool" if scale == 0.05 or padded else "mean" if window == 4 else "dw")


@pytest.mark.parametrize("scale", [0.05, 0.01])
def test_average_pool_counting_its_padding(scale):
    g = Qdq()
    attributes = {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1], "count_include_pad": 1}
    y = g.node("Relu", [g.node("AveragePool", [g.input("x", SHAPE)], **attributes)])
    program = check(g.model(g.quantized(y, scale, 3)))
    assert [n.op.kind for n in program.nodes] == ["dw"]


@pytest.mark.parametrize("op", ["GlobalAveragePool", "GlobalMaxPool"])
@pytest.mark.parametrize("scale,zero", [(0.05, 3), (0.02, -60)])
@pytest.mark.parametrize("shape", [(1, 5, 4, 7), (1, 5, 12)])
def test_global_pools(op, scale, zero, shape):
    g = Qdq()
    y = g.node(op, [g.input("x", shape)])
    check(g.model(g.quantized(y, scale, zero)))


def test_one_dimensional_pools():
    g = Qdq()
    y = g.quantized(
        g.node("MaxPool", [g.input("x", (1, 3, 20))], kernel_shape=[3], strides=[2], pads=[1, 0]), 0.05, 3
    )
    y = g.node("AveragePool", [y], kernel_shape=[3], strides=[3])
    program = check(g.model(g.quantized(y, 0.05, 3)))
    assert [n.op.kind for n in program.nodes] == ["maxpool", "avgpool"]


@pytest.mark.parametrize("axes", [[2, 3], [1], [-1], [1, 2], [1, 3], [1, 2, 3], [2]])
@pytest.mark.parametrize("keepdims", [0, 1])
def test_mean(axes, keepdims):
    g = Qdq()
    x = g.quantized(g.node("Conv", [g.input("x", SHAPE), g.weights(g.rng.normal(size=(4, 3, 2, 2)), 0)]))
    y = g.node("ReduceMean", [x, g.constant(axes, np.int64)], keepdims=keepdims)
    # The convolution before it may already be off by one, and its scale is larger than the mean's.
    program = check(g.model(g.quantized(g.node("Relu", [y]))), bound=2)
    assert "mean" in [n.op.kind for n in program.nodes]


@pytest.mark.parametrize(
    "shape,axis", [((1, 10), -1), ((1, 4, 3, 5), 1), ((1, 4, 3, 5), 3), ((1, 6, 4), 2), ((1, 6, 4), 1)]
)
def test_softmax(shape, axis):
    g = Qdq()
    y = g.node("Softmax", [g.input("x", shape, scale=0.1)], axis=axis)
    check(g.model(g.quantized(y, 1 / 256, -128)))


def test_softmax_with_beta_and_another_scale():
    g = Qdq("uint8")
    x = g.node("Mul", [g.input("x", (1, 10)), g.constant(np.float32(1.7))])
    program = check(g.model(g.quantized(g.node("Softmax", [x]), 1 / 255, 0)))
    assert [n.op.kind for n in program.nodes] == ["requantize", "softmax", "requantize"]
