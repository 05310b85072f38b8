"""Concat, Split, Slice, Gather, Pad and Resize against onnxruntime, on reals and on integers."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

from tests.converter.lower.qdq import Qdq, check

SHAPE = (1, 4, 6, 5)


def _ints(g, *values):
    return g.constant(values, np.int64)


@pytest.mark.parametrize("axis", [1, 2, 3, -3])
@pytest.mark.parametrize("same", [True, False])
@pytest.mark.parametrize("dtype", ["int8", "uint8"])
def test_concat(axis, same, dtype):
    g = Qdq(dtype)
    other = [1, 4, 6, 5]
    other[axis] = 3
    a = g.input("a", SHAPE)
    b = g.input("b", other) if same else g.input("b", other, 0.02, -30)
    zero = 3 if dtype == "int8" else 131
    program = check(g.model(g.quantized(g.node("Concat", [a, b, a], axis=axis), 0.05, zero)))
    assert [n.op.kind for n in program.nodes].count("concat") == 1


def test_clamp_behind_a_concat_of_different_scales():
    g = Qdq()
    y = g.node("Concat", [g.input("a", SHAPE), g.input("b", SHAPE, 0.02, -30)], axis=1)
    program = check(g.model(g.quantized(g.node("Relu", [y]), 0.03, -100)))
    assert [n.op.kind for n in program.nodes] == ["relu", "relu", "concat"]


def test_concat_of_sequences_and_vectors():
    g = Qdq()
    y = g.node("Concat", [g.input("a", (1, 5)), g.input("b", (1, 3))], axis=1)
    check(g.model(g.quantized(y, 0.05, 3)))
    g = Qdq()
    y = g.node("Concat", [g.input("a", (1, 5, 4)), g.input("b", (1, 3, 4))], axis=1)
    check(g.model(g.quantized(y, 0.05, 3)))


SLICES = [
    # starts, ends, axes, steps
    ([1], [3], [1], None),
    ([1, 0], [5, 4], [2, 3], [2, 1]),
    ([-1], [-100], [3], [-2]),
    ([0, 1, 1], [4, -1, 2**31], [1, 2, 3], [3, 1, 2]),
    ([0], [6], [2], None),
]


@pytest.mark.parametrize("case", range(len(SLICES)))
@pytest.mark.parametrize("conv", [True, False])
def test_slice(case, conv):
    g = Qdq()
    starts, ends, axes, steps = SLICES[case]
    x = g.input("x", SHAPE)
    if conv:
        x = g.quantized(g.node("Conv", [x, g.weights(g.rng.normal(size=(4, 4, 1, 1)), 0)]), 0.05, 3)
    inputs = [x, _ints(g, *starts), _ints(g, *ends), _ints(g, *axes)]
    y = g.node("Slice", [*inputs, _ints(g, *steps)] if steps else inputs)
    program = check(g.model(g.quantized(y, 0.05, 3), g.quantized(x, 0.06, 3)))
    assert [n.op.kind for n in program.nodes].count("slice") == (case != 4)


def test_slices_of_rank_5():
    """More than three dimensions at once: one Slice after the other, those of neighbouring axes in one."""
    g = Qdq()
    x = g.node("Reshape", [g.input("x", (1, 240)), _ints(g, 2, 3, 4, 5, 2)])
    y = g.node("Slice", [x, _ints(g, 0, 1, 1, 2), _ints(g, 1, 3, 3, 4), _ints(g, 0, 1, 2, 3)])
    program = check(g.model(g.quantized(y, 0.05, 3)))
    assert [n.op.kind for n in program.nodes].count("slice") == 3


@pytest.mark.parametrize("sizes", [[1, 3], None])
def test_split_and_join(sizes):
    g = Qdq("uint8")
    inputs = [g.input("x", SHAPE)] + ([_ints(g, *sizes)] if sizes else [])
    a, b = g.node("Split", inputs, outputs=2, axis=1, **({} if sizes else {"num_outputs": 2}))
    y = g.node("Concat", [g.quantized(b, 0.05, 131), g.quantized(g.node("Relu", [a]), 0.05, 131)], axis=1)
    check(g.model(g.quantized(y, 0.05, 131)))


def test_unused_part_of_a_split_is_not_computed():
    g = Qdq()
    a, _ = g.node("Split", [g.input("x", SHAPE)], outputs=2, axis=1, num_outputs=2)
    program = check(g.model(g.quantized(a, 0.05, 3)))
    assert [n.op.kind for n in program.nodes] == ["slice"]


@pytest.mark.parametrize("indices", [2, [0, 2], [3, 2, 1], [-1]])
def test_gather(indices):
    g = Qdq()
    y = g.node("Gather", [g.input("x", SHAPE), g.constant(indices, np.int64)], axis=1)
    check(g.model(g.quantized(y, 0.05, 3)))


PADS = [([0, 0, 1, 2, 0, 0, 0, 1], None), ([0, 2, 0, 0, 0, 1, 0, 0], 1.5), ([0, 1, 1, 1, 0, 1, 1, 1], -100.0)]


@pytest.mark.parametrize("case", range(len(PADS)))
@pytest.mark.parametrize("dtype", ["int8", "uint8"])
def test_pad(case, dtype):
    pads, value = PADS[case]
    g = Qdq(dtype)
    inputs = [g.input("x", SHAPE), _ints(g, *pads)]
    y = g.node("Pad", [*inputs, g.constant(np.float32(value))] if value is not None else inputs)
    check(g.model(g.quantized(y, 0.05, 3 if dtype == "int8" else 131)))


def test_pad_before_a_convolution_is_folded():
    g = Qdq()
    y = g.node("Pad", [g.input("x", SHAPE), _ints(g, 0, 0, 1, 0, 0, 0, 2, 1)])
    y = g.node("Conv", [y, g.weights(g.rng.normal(size=(3, 4, 3, 3)), 0)], pads=[0, 1, 0, 0])
    program = check(g.model(g.quantized(y)))
    assert [n.op.kind for n in program.nodes] == ["conv"]
    padding = program.nodes[0].op.padding
    assert (padding.top, padding.bottom, padding.left, padding.right) == (1, 2, 1, 1)


MODES = [
    ("asymmetric", "floor"),
    ("asymmetric", "ceil"),
    ("half_pixel", "round_prefer_floor"),
    ("half_pixel", "round_prefer_ceil"),
    ("pytorch_half_pixel", "floor"),
    ("align_corners", "round_prefer_ceil"),
    ("half_pixel_symmetric", "round_prefer_floor"),
]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("target", ["double", "sizes", "fraction"])
def test_resize(mode, target):
    g = Qdq()
    x = g.input("x", SHAPE)
    attributes = {"coordinate_transformation_mode": mode[0], "nearest_mode": mode[1], "mode": "nearest"}
    if target == "sizes":
        inputs = [x, "", "", _ints(g, 1, 4, 9, 3)]
    else:
        scales = [1, 1, 2, 2] if target == "double" else [1, 1, 1.3, 0.7]
        inputs = [x, "", g.constant(scales, np.float32)]
    program = check(g.model(g.quantized(g.node("Resize", inputs, **attributes), 0.05, 3)))
    assert [n.op.kind for n in program.nodes] == ["resize"]


def test_resize_of_a_sequence():
    g = Qdq()
    attributes = {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    y = g.node("Resize", [g.input("x", (1, 4, 6)), "", g.constant([1, 1, 2], np.float32)], **attributes)
    check(g.model(g.quantized(y, 0.05, 3)))


@pytest.mark.parametrize("dtype", ["int8", "uint8"])
def test_integers_passed_through(dtype):
    """MaxPool, Concat, Slice, Pad, Resize and Transpose between the input and its DequantizeLinear."""
    g = Qdq(dtype)
    x = g.stored_input("x", SHAPE)
    zero = 3 if dtype == "int8" else 131
    y = g.node("MaxPool", [x], kernel_shape=[2, 2])
    y = g.node("Concat", [y, y], axis=1)
    y = g.node("Pad", [y, _ints(g, 0, 0, 1, 0, 0, 0, 0, 1), g.constant(zero + 2, dtype)])
    y = g.node("Slice", [y, _ints(g, 1), _ints(g, 8), _ints(g, 1)])
    y = g.node("Transpose", [g.node("Identity", [y])], perm=[0, 1, 3, 2])
    y = g.node("Conv", [g.dequantize(y, 0.05, zero), g.weights(g.rng.normal(size=(2, 7, 3, 3)), 0)])
    program = check(g.model(g.quantized(y)))
    assert program.values[program.inputs[0].value].zero_point == zero


def test_integers_read_with_another_scale():
    """A tensor dequantized with other parameters than it was quantized with means other reals."""
    g = Qdq()
    x = g.node("Relu", [g.input("x", (1, 4, 6, 5))])
    stored = g.quantize(x, 0.05, -128)
    a, b = g.dequantize(stored, 0.05, -128), g.dequantize(stored, 0.1, 0)
    program = check(g.model(g.quantized(g.node("Add", [a, b]))))
    assert "reinterpret" in [n.op.kind for n in program.nodes]


def test_concat_of_integers_with_different_scales():
    g = Qdq()
    a = g.quantize(g.node("Relu", [g.input("a", (1, 4))]), 0.05, -128)
    b = g.quantize(g.node("Sigmoid", [g.input("b", (1, 4))]), 1 / 256, -128)
    y = g.dequantize(g.node("Concat", [a, b], axis=1), 0.05, -128)
    check(g.model(g.quantized(g.node("Tanh", [y]), 1 / 128, 0)))


def test_outputs_may_be_integers_of_two_kinds():
    g = Qdq(io="float")
    y = g.node("Relu", [g.input("x", (1, 4))])
    stored = g.quantize(y, 0.04, -128)
    model = g.model(g.dequantize(stored, 0.04, -128))
    model.graph.output.append(onnx.helper.make_tensor_value_info(stored, onnx.TensorProto.INT8, [1, 4]))
    check(model)
