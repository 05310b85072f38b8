"""Gemm and MatMul against onnxruntime, the flattening of images before them included."""

from __future__ import annotations

import numpy as np
import pytest

from tests.converter.lower.qdq import Qdq, check


@pytest.mark.parametrize("axis", [None, "output"])
@pytest.mark.parametrize("transposed", [0, 1])
@pytest.mark.parametrize("attributes", [{}, {"alpha": 0.5}, {"alpha": -1.5, "beta": 2.0}, {"beta": 0.0}])
def test_gemm(attributes, transposed, axis):
    g = Qdq()
    x = g.input("x", (1, 12))
    w = g.rng.normal(size=(5, 12) if transposed else (12, 5))
    weights = g.weights(w, None if axis is None else 1 - transposed)
    y = g.node(
        "Gemm", [x, weights, g.constant(g.rng.normal(size=5), np.float32)], transB=transposed, **attributes
    )
    program = check(g.model(g.quantized(g.node("Relu", [y]))))
    assert [n.op.kind for n in program.nodes] == ["fc"]


def test_gemm_of_a_transposed_input():
    g = Qdq()
    x = g.input("x", (6, 4))
    y = g.node("Gemm", [x, g.weights(g.rng.normal(size=(6, 3)), 1)], transA=1)
    program = check(g.model(g.quantized(y)))
    assert sorted(n.op.kind for n in program.nodes) == ["fc", "transpose"]


@pytest.mark.parametrize("shape", [(1, 8), (1, 5, 8), (2, 3, 8), (8,), (1, 2, 3, 8)])
@pytest.mark.parametrize("bias", ["none", "float", "quantized", "first"])
def test_matmul(shape, bias):
    g = Qdq()
    x = g.input("x", shape, scale=0.03)
    w = g.rng.normal(size=(8, 4))
    y = g.node("MatMul", [x, g.weights(w, 1)])
    b = g.rng.normal(size=4)
    if bias == "float":
        y = g.node("Add", [y, g.constant(b, np.float32)])
    if bias == "first":
        y = g.node("Add", [g.constant(b, np.float32), y])
    if bias == "quantized":
        y = g.node("Add", [y, g.bias(b, 0.03 * np.abs(w).max(axis=0) / 127)])
    program = check(g.model(g.quantized(y)))
    assert [n.op.kind for n in program.nodes if n.op.kind != "reshape"] == ["fc"]


@pytest.mark.parametrize("dtype", ["int8", "uint8"])
@pytest.mark.parametrize("way", ["Flatten", "Reshape", "Squeeze"])
def test_flattened_image(way, dtype):
    """NCHW flattening permutes the weight columns; no data moves."""
    g = Qdq(dtype)
    x = g.input("x", (1, 3, 6, 6))
    channels = 1 if way == "Squeeze" else 4
    y = g.quantized(g.node("Conv", [x, g.weights(g.rng.normal(size=(channels, 3, 3, 3)), 0)]))
    if way == "Flatten":
        y = g.node("Flatten", [y])
    elif way == "Reshape":
        y = g.node("Reshape", [y, g.constant([0, -1], np.int64)])
    else:
        y = g.node(
            "Reshape", [g.node("Squeeze", [y, g.constant([1], np.int64)]), g.constant([1, 16], np.int64)]
        )
    y = g.quantized(y, *_scale_of(g))
    y = g.node("Gemm", [y, g.weights(g.rng.normal(size=(channels * 16, 5)), 1)])
    program = check(g.model(g.quantized(y)))
    kinds = [n.op.kind for n in program.nodes]
    assert [k for k in kinds if k in ("conv", "fc", "transpose")] == ["conv", "fc"]


def _scale_of(g):
    """Parameters of the last quantization."""
    from onnx import numpy_helper

    last = [n for n in g.nodes if n.op_type == "QuantizeLinear"][-1]
    arrays = {t.name: numpy_helper.to_array(t) for t in g.initializers}
    return float(arrays[last.input[1]]), int(arrays[last.input[2]])


def test_flatten_on_integers():
    """Reshape between Q and DQ, as some exporters write it."""
    g = Qdq()
    x = g.input("x", (1, 3, 6, 6))
    conv = g.node("Conv", [x, g.weights(g.rng.normal(size=(4, 3, 3, 3)), 0)])
    scale, zero = g.calibrated(conv)
    stored = g.node("Flatten", [g.quantize(conv, scale, zero)])
    y = g.node("Gemm", [g.dequantize(stored, scale, zero), g.weights(g.rng.normal(size=(64, 5)), 1)])
    check(g.model(g.quantized(y)))


def test_rows_in_another_order():
    """MatMul over the channels of an image stored channels last: rows stay where they are."""
    g = Qdq()
    x = g.input("x", (1, 3, 4, 5))
    y = g.quantized(g.node("Conv", [x, g.weights(g.rng.normal(size=(6, 3, 1, 1)), 0)]))
    y = g.node("Transpose", [y], perm=[0, 3, 2, 1])
    y = g.node("MatMul", [y, g.weights(g.rng.normal(size=(6, 7)), 1)])
    y = g.quantized(g.node("Transpose", [y], perm=[0, 3, 2, 1]))
    y = g.node("Conv", [y, g.weights(g.rng.normal(size=(2, 7, 2, 2)))])
    program = check(g.model(g.quantized(y)))
    assert [n.op.kind for n in program.nodes] == ["conv", "fc", "conv"]


def test_matmul_of_vectors_across_channels():
    """Along the width of a channels-last image the data has to move."""
    g = Qdq()
    x = g.input("x", (1, 3, 4, 5))
    y = g.quantized(g.node("Conv", [x, g.weights(g.rng.normal(size=(6, 3, 1, 1)), 0)]))
    y = g.node("MatMul", [y, g.weights(g.rng.normal(size=(5, 7)), 1)])
    program = check(g.model(g.quantized(y)))
    assert [n.op.kind for n in program.nodes] == ["conv", "transpose", "fc"]
