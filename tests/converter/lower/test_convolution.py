"""Conv against onnxruntime: geometry, groups, layouts, weights and biases of every kind."""

from __future__ import annotations

import numpy as np
import pytest

from edgewright.converter.lower import lower
from tests.converter.lower.qdq import Qdq, check, imported

GEOMETRIES = [
    # input, outputs, kernel, attributes
    ((1, 3, 9, 7), 4, (3, 3), {"pads": [1, 1, 1, 1]}),
    ((1, 3, 9, 7), 4, (3, 3), {"pads": [0, 1, 2, 0], "strides": [2, 2]}),
    ((1, 4, 10, 8), 6, (2, 3), {"dilations": [2, 3]}),
    ((1, 4, 8, 8), 6, (3, 3), {"group": 2, "strides": [1, 2]}),
    ((1, 4, 8, 8), 4, (3, 3), {"group": 4, "pads": [1, 1, 1, 1]}),
    ((1, 4, 8, 8), 8, (3, 5), {"group": 4, "pads": [1, 2, 1, 2], "strides": [2, 1]}),
    ((1, 1, 12, 5), 3, (10, 4), {"strides": [2, 2], "auto_pad": "SAME_UPPER"}),
    ((1, 2, 7, 6), 3, (3, 2), {"strides": [2, 2], "auto_pad": "SAME_LOWER"}),
    ((1, 2, 7, 6), 3, (3, 2), {"auto_pad": "VALID"}),
    ((1, 5, 1, 1), 3, (1, 1), {}),
    ((1, 3, 20), 5, (4,), {"pads": [1, 2], "strides": [2], "dilations": [2]}),
    ((1, 6, 15), 6, (3,), {"group": 6, "pads": [2, 0]}),
]


@pytest.mark.parametrize("dtype", ["int8", "uint8"])
@pytest.mark.parametrize("geometry", range(len(GEOMETRIES)))
@pytest.mark.parametrize("axis", [None, 0])
def test_geometry(geometry, axis, dtype):
    shape, outputs, kernel, attributes = GEOMETRIES[geometry]
    g = Qdq(dtype, seed=geometry)
    x = g.input("x", shape)
    depth = shape[1] // attributes.get("group", 1)
    w = g.weights(g.rng.normal(size=(outputs, depth, *kernel)), axis)
    y = g.node("Conv", [x, w], kernel_shape=kernel, **attributes)
    program = check(g.model(g.quantized(y)))
    depthwise = attributes.get("group", 1) == shape[1] > 1
    assert [n.op.kind for n in program.nodes if n.op.kind in ("conv", "dw")] == [
        "dw" if depthwise else "conv"
    ]
    assert not any(n.op.kind == "transpose" for n in program.nodes)


@pytest.mark.parametrize("activation", ["Relu", "Clip", "ClipLow", "twice"])
def test_fused_activation(activation):
    g = Qdq()
    x = g.input("x", (1, 3, 6, 6))
    y = g.node("Conv", [x, g.weights(g.rng.normal(size=(4, 3, 3, 3)), 0)])
    six, low = g.constant(np.float32(6)), g.constant(np.float32(-0.5))
    if activation in ("Relu", "twice"):
        y = g.node("Relu", [y])
    if activation in ("Clip", "twice"):
        y = g.node("Clip", [y, low, six])
    if activation == "ClipLow":
        y = g.node("Clip", [y, low])
    program = check(g.model(g.quantized(y, 0.05, -20)))
    assert [n.op.kind for n in program.nodes] == ["conv"]
    assert (
        program.nodes[0].op.requantize.clamp
        == {
            "Relu": (-20, 127),
            "Clip": (-30, 100),
            "ClipLow": (-30, 127),
            "twice": (-20, 100),
        }[activation]
    )


@pytest.mark.parametrize("bias", ["float", "quantized", "per_channel", "other_scale", "int8", "added"])
def test_bias(bias):
    g = Qdq()
    x = g.input("x", (1, 3, 6, 6), scale=0.04)
    real = g.rng.normal(size=(4, 3, 3, 3))
    axis = 0 if bias == "per_channel" else None
    w = g.weights(real, axis)
    scales = np.abs(real).max(axis=(1, 2, 3) if axis == 0 else None) / 127
    b = g.rng.normal(size=4)
    if bias == "added":
        y = g.node("Add", [g.node("Conv", [x, w]), g.constant(b.reshape(1, 4, 1, 1), np.float32)])
    else:
        made = {
            "float": lambda: g.constant(b, np.float32),
            "quantized": lambda: g.bias(b, 0.04 * scales),
            "per_channel": lambda: g.bias(b, 0.04 * scales),
            "other_scale": lambda: g.bias(b, 1e-4),
            "int8": lambda: g.weights(b),
        }[bias]()
        y = g.node("Conv", [x, w, made])
    program = check(g.model(g.quantized(y)))
    assert np.any(program.nodes[0].op.requantize.bias)
    assert len(program.nodes) == 1


def test_quantized_bias_keeps_its_integers():
    g = Qdq()
    x = g.input("x", (1, 2, 4, 4), scale=0.1)
    w = g.weights([[[[1.27]], [[0.5]]]])
    unit = np.float32(0.1) * np.float32(np.float32(1.27) / np.float32(127))
    integers = np.array([2**30 + 1], np.int32)
    parameters = [g.constant(unit), g.constant(0, np.int32)]
    b = g.node("DequantizeLinear", [g.constant(integers), *parameters])
    model = g.model(g.quantized(g.node("Conv", [x, w, b]), 0.1, 0))
    check(model, runs=1)
    # So large a bias makes the output constant, for which the rewrites choose another one.
    assert lower(imported(model)).nodes[0].op.requantize.bias.tolist() == integers.tolist()


@pytest.mark.parametrize("zero_point", [0, 5])
@pytest.mark.parametrize("fold", [False, True])
@pytest.mark.parametrize("dtype", ["int8", "uint8"])
def test_weights_of_other_kinds(dtype, fold, zero_point):
    """uint8 weights around 128, a shifted zero point, floats behind Q -> DQ."""
    g = Qdq()
    x = g.input("x", (1, 3, 6, 6))
    real = g.rng.uniform(-0.9, 0.9, size=(4, 3, 3, 3))
    real[0, 0, 0, 0] = 1.0
    zero = zero_point + (128 if dtype == "uint8" else 0)
    w = g.weights(real, 0, dtype=dtype, zero_point=zero, fold=fold)
    check(g.model(g.quantized(g.node("Conv", [x, w]))))


def test_weights_transposed_after_dequantization():
    g = Qdq()
    x = g.input("x", (1, 3, 6, 6))
    w = g.node("Transpose", [g.weights(g.rng.normal(size=(3, 3, 3, 4)), 3)], perm=[3, 2, 0, 1])
    check(g.model(g.quantized(g.node("Conv", [x, w]))))


def test_result_quantized_twice():
    """With equal parameters it is computed once; with others each quantization gets its own, exactly."""
    g = Qdq()
    conv = g.node("Conv", [g.input("x", (1, 3, 6, 6)), g.weights(g.rng.normal(size=(4, 3, 3, 3)), 0)])
    scale, zero = g.calibrated(conv)
    same = [g.quantized(conv, scale, zero) for _ in range(2)]
    other = g.quantized(g.node("Relu", [conv]), scale / 2, -128)
    program = check(g.model(g.quantized(g.node("Add", same)), other))
    # x + x has twice the scale of x, and the same integers: nothing is left of it.
    assert [n.op.kind for n in program.nodes] == ["conv", "conv"]
