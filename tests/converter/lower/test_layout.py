"""Index arrays, and the layouts that whole models end up in."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper

from edgewright.converter.lower.layout import (
    axes_of,
    channels_last,
    cut,
    cut_shape,
    factor_transpose,
    identity_index,
    is_stored_as,
    stored_index,
)
from tests.converter.lower.qdq import Qdq, check

SHAPES = st.lists(st.integers(1, 4), min_size=1, max_size=5).map(tuple)


@given(SHAPES, st.data())
def test_axes_of_finds_a_stored_order(shape, data):
    axes = tuple(data.draw(st.permutations(range(len(shape)))))
    index = stored_index(shape, axes)
    found = axes_of(index)
    assert found is not None and is_stored_as(index, found)


@given(SHAPES, st.data())
def test_factor_transpose_rebuilds_any_transposition(shape, data):
    axes = tuple(data.draw(st.permutations(range(len(shape)))))
    order = identity_index(shape).transpose(axes).ravel()
    view, permutation = factor_transpose(order)
    assert np.array_equal(np.arange(order.size).reshape(view).transpose(permutation).ravel(), order)


@pytest.mark.parametrize("order", [[1, 0], [0, 2, 1], [0, 1, 3, 2], [0, 2, 4, 1, 3, 5, 7, 6]])
def test_factor_transpose_refuses_other_permutations(order):
    assert factor_transpose(np.array(order, np.int32)) is None


def test_axes_of_a_scrambled_tensor():
    assert axes_of(stored_index((1, 2, 3, 4), channels_last(4)).reshape(1, 24)) is None


def test_cut_keeps_axes_apart_and_prefers_the_shape_it_has():
    assert cut_shape((1, 4, 5, 6), cut((1, 4, 5, 6), (0, 0, 0, 0), (), (4, 5, 6))) == (4, 5, 6)
    i, j = cut((2, 3, 4, 5), (0, 1, 0, 0), (1,), None)
    assert cut_shape((2, 3, 4, 5), (i, j)) == (2, 3, 20)
    assert cut((2, 3, 4, 5), (0, 1, 0, 1), (), None) is None


def _conv(g, x, shape, **attributes):
    return g.quantized(g.node("Conv", [x, g.weights(g.rng.normal(size=shape), 0)], **attributes))


def test_input_of_an_image_model_is_channels_last():
    g = Qdq()
    x = g.input("x", (1, 3, 5, 4))
    x = g.quantized(g.node("Relu", [x]))
    program = check(g.model(_conv(g, x, (2, 3, 3, 3))))
    (port,) = program.inputs
    assert port.axes == (0, 2, 3, 1) and program.values[port.value].shape == (5, 4, 3)
    assert program.outputs[0].axes == (0, 2, 3, 1)


def test_transposed_input_keeps_its_order():
    """A model that takes NHWC and transposes it itself, as converters from Keras write it."""
    g = Qdq()
    x = g.node("Transpose", [g.input("x", (1, 5, 4, 3))], perm=[0, 3, 1, 2])
    y = g.node("Transpose", [_conv(g, x, (2, 3, 3, 3))], perm=[0, 2, 3, 1])
    scale = g.calibrated(y)
    program = check(g.model(g.quantized(y, *scale)))
    assert [n.op.kind for n in program.nodes if n.op.kind != "requantize"] == ["conv"]
    assert program.inputs[0].axes == program.outputs[0].axes == (0, 1, 2, 3)


def test_rank_2_and_3_inputs():
    g = Qdq()
    x = g.input("x", (1, 6, 4))
    y = g.quantized(g.node("MatMul", [x, g.weights(g.rng.normal(size=(4, 3)), 1)]))
    program = check(g.model(y))
    assert program.values[program.inputs[0].value].shape == (6, 1, 4)
    g = Qdq()
    program = check(g.model(_conv(g, g.input("x", (1, 6, 20)), (4, 6, 3))))
    assert program.inputs[0].axes == (0, 2, 1)
    assert program.values[program.inputs[0].value].shape == (20, 1, 6)


@pytest.mark.parametrize("groups", [2, 3])
@pytest.mark.parametrize("dtype", ["int8", "uint8"])
def test_channel_shuffle_is_one_transpose(groups, dtype):
    g = Qdq(dtype)
    y = _conv(g, g.input("x", (1, 3, 6, 5)), (6, 3, 1, 1))
    parts = g.constant([1, groups, 6 // groups, 6, 5], np.int64)
    y = g.node("Transpose", [g.node("Reshape", [y, parts])], perm=[0, 2, 1, 3, 4])
    y = g.node("Reshape", [y, g.constant([1, 6, 6, 5], np.int64)])
    program = check(g.model(_conv(g, y, (4, 6, 3, 3))))
    assert [n.op.kind for n in program.nodes if n.op.kind != "uint8"][-3:].count("transpose") == 1
    shuffle = next(n.op for n in program.nodes if n.op.kind == "transpose")
    assert shuffle.view == (30, groups, 6 // groups) and shuffle.axes == (0, 2, 1)


def test_shuffled_twice_needs_one_transpose():
    """Two readers of the same shuffled tensor share the move."""
    g = Qdq()
    y = _conv(g, g.input("x", (1, 3, 6, 5)), (4, 3, 1, 1))
    y = g.node(
        "Transpose", [g.node("Reshape", [y, g.constant([1, 2, 2, 6, 5], np.int64)])], perm=[0, 2, 1, 3, 4]
    )
    y = g.node("Reshape", [y, g.constant([1, 4, 6, 5], np.int64)])
    a, b = _conv(g, y, (4, 4, 3, 3)), _conv(g, y, (4, 4, 3, 3))
    program = check(g.model(g.quantized(g.node("Add", [a, b]))))
    assert [n.op.kind for n in program.nodes].count("transpose") == 1


def test_unequal_layouts_are_brought_together():
    """A flat input, reshaped to an image in the source's order, joins a channels-last one."""
    g = Qdq()
    a = _conv(g, g.input("x", (1, 3, 4, 5)), (3, 3, 1, 1))
    b = g.node("Reshape", [g.input("flat", (1, 60), scale=0.1), g.constant([1, 3, 4, 5], np.int64)])
    program = check(g.model(g.quantized(g.node("Add", [a, b]))))
    assert [n.op.kind for n in program.nodes] == ["conv", "transpose", "add"]


def test_scrambled_output_is_put_in_order():
    g = Qdq()
    y = g.node("Flatten", [_conv(g, g.input("x", (1, 3, 4, 5)), (3, 3, 1, 1))])
    program = check(g.model(g.quantized(y, *g.calibrated(y))))
    assert program.nodes[-1].op.kind in ("transpose", "requantize")
    assert program.outputs[0].axes == (0, 1)


def test_float_image_transposed_before_it_is_quantized():
    g = Qdq(io="float")
    g.inputs.append(helper.make_tensor_value_info("x", TensorProto.FLOAT, (1, 5, 4, 3)))
    x = g.quantized(g.node("Transpose", ["x"], perm=[0, 3, 1, 2]), 0.05, 3)
    program = check(g.model(_conv(g, x, (2, 3, 3, 3))))
    assert [n.op.kind for n in program.nodes] == ["quantize", "conv", "dequantize"]
    assert program.inputs[0].axes == (0, 1, 2, 3)
