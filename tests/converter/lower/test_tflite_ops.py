"""Single TFLite operators through importer and lowering, equal to LiteRT's reference bit for bit."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest

from edgewright.converter.importers import load_model
from edgewright.converter.lower import lower
from edgewright.converter.rewrites import rewrite
from tests.tflite_builder import ACTIVATION, TfliteBuilder, run_reference

SHAPE = (1, 5, 4, 6)
# Operator, input (scale, zero point), output (scale, zero point), options, their fields.
UNARY = [
    ("LOGISTIC", (0.05, 3), (1 / 256, -128), None, {}),
    ("TANH", (0.03, -10), (1 / 128, 0), None, {}),
    ("HARD_SWISH", (0.06, 5), (0.045, -100), "HardSwishOptions", {}),
    ("LEAKY_RELU", (0.05, 3), (0.04, -20), "LeakyReluOptions", {"Alpha": 0.2}),
    ("RELU", (0.05, 3), (0.05, -128), None, {}),
    ("RELU6", (0.08, 3), (6 / 255, -128), None, {}),
    ("RELU_N1_TO_1", (0.02, 3), (1 / 128, 0), None, {}),
    ("EXP", (0.02, 3), (0.05, -128), "ExpOptions", {}),
    ("LOG", (0.05, -128), (0.03, 20), None, {}),
    ("RSQRT", (0.02, -128), (0.03, -128), None, {}),
    ("GELU", (0.04, 3), (0.03, -110), "GeluOptions", {"Approximate": False}),
    ("GELU", (0.04, 3), (0.03, -110), "GeluOptions", {"Approximate": True}),
    ("ABS", (0.05, 3), (0.03, -128), "AbsOptions", {}),
    ("QUANTIZE", (0.05, 3), (0.031, -7), "QuantizeOptions", {}),
    ("QUANTIZE", (0.05, 3), (0.05, 3), "QuantizeOptions", {}),
]


def equal(builder, inputs, outputs, *, runs=8, seed=0):
    """Build, convert, run: every output of the rewritten program is the reference's. Returns the program."""
    data = builder.build(inputs, outputs)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.tflite"
        path.write_bytes(data)
        program = rewrite(lower(load_model(path)))
    rng = np.random.default_rng(seed)
    for _ in range(runs):
        feeds = []
        for index in inputs:
            tensor = builder.tensors[index]
            limits = np.iinfo(tensor.dtype)
            feeds.append(rng.integers(limits.min, limits.max + 1, tensor.shape).astype(tensor.dtype))
        names = [builder.tensors[i].name for i in inputs]
        results = program.run(dict(zip(names, feeds, strict=True)))
        for port, want in zip(program.outputs, run_reference(data, feeds), strict=True):
            assert results[port.name].dtype == want.dtype and results[port.name].shape == want.shape
            assert np.array_equal(results[port.name], want)
    return program


@pytest.mark.parametrize("case", range(len(UNARY)), ids=[u[0] for u in UNARY])
def test_unary(case):
    code, (scale, zero), (scale_out, zero_out), options, fields = UNARY[case]
    b = TfliteBuilder()
    x = b.tensor(SHAPE, scale=scale, zero_point=zero)
    y = b.tensor(SHAPE, scale=scale_out, zero_point=zero_out)
    b.operator(code, [x], [y], options, **fields)
    if case == len(UNARY) - 1:  # an identity alone is no program
        z = b.tensor(SHAPE, scale=scale, zero_point=zero)
        b.operator("RELU", [y], [z])
        y = z
    program = equal(b, [x], [y])
    assert [type(n.op).__name__ for n in program.nodes] == ["Lookup"]


@pytest.mark.parametrize("code", ["ADD", "SUB", "MUL"])
@pytest.mark.parametrize("activation", ["NONE", "RELU", "RELU6"])
@pytest.mark.parametrize("other", ["tensor", "scalar", "first_scalar", "channel", "itself", "row"])
def test_binary(code, activation, other):
    b = TfliteBuilder()
    x = b.tensor(SHAPE, scale=0.05, zero_point=3)
    y = b.tensor(SHAPE, scale=0.06, zero_point=-30)
    rng = np.random.default_rng(5)
    shapes = {"scalar": (), "first_scalar": (1,), "channel": (6,), "row": (1, 5, 1, 1)}
    inputs = [x]
    if other == "itself":
        second = x
    elif other == "tensor":
        second = b.tensor((1, 1, 1, 6), scale=0.021, zero_point=-4)
        inputs.append(second)
    else:
        values = rng.integers(-128, 128, shapes[other])
        second = b.constant(values, "int8", scale=0.013, zero_point=9)
    operands = [second, x] if other == "first_scalar" else [x, second]
    options = {"ADD": "AddOptions", "SUB": "SubOptions", "MUL": "MulOptions"}[code]
    b.operator(code, operands, [y], options, FusedActivationFunction=ACTIVATION[activation])
    program = equal(b, inputs, [y])
    assert len(program.nodes) == 1


@pytest.mark.parametrize("axes", [[1, 2], [3], [1], [2, 3], [1, 2, 3]])
@pytest.mark.parametrize("keep", [False, True])
@pytest.mark.parametrize("same", [False, True])
def test_mean(axes, keep, same):
    b = TfliteBuilder()
    x = b.tensor(SHAPE, scale=0.05, zero_point=3)
    shape = [1 if i in axes else n for i, n in enumerate(SHAPE)]
    shape = shape if keep else [n for i, n in enumerate(shape) if i not in axes]
    y = b.tensor(shape, scale=0.05 if same else 0.013, zero_point=3 if same else -11)
    b.operator("MEAN", [x, b.constant(axes)], [y], "ReducerOptions", KeepDims=keep)
    equal(b, [x], [y])


@pytest.mark.parametrize("beta", [1.0, 0.7, 2.5])
@pytest.mark.parametrize("shape", [(1, 12), (1, 3, 4, 7)])
def test_softmax(beta, shape):
    b = TfliteBuilder()
    x = b.tensor(shape, scale=0.09, zero_point=3)
    y = b.tensor(shape, scale=1 / 256, zero_point=-128)
    b.operator("SOFTMAX", [x], [y], "SoftmaxOptions", Beta=beta)
    program = equal(b, [x], [y])
    assert [n.op.kind for n in program.nodes] == ["softmax"]


@pytest.mark.parametrize("code", ["AVERAGE_POOL_2D", "MAX_POOL_2D"])
@pytest.mark.parametrize("padding", [0, 1])
def test_pools(code, padding):
    b = TfliteBuilder()
    x = b.tensor((1, 7, 6, 3), scale=0.05, zero_point=3)
    y = b.tensor((1, 4, 3, 3) if padding == 0 else (1, 3, 2, 3), scale=0.05, zero_point=3)
    fields = {"Padding": padding, "StrideW": 2, "StrideH": 2, "FilterWidth": 3, "FilterHeight": 2}
    fields["FusedActivationFunction"] = ACTIVATION["RELU6"]
    b.operator(code, [x], [y], "Pool2DOptions", **fields)
    program = equal(b, [x], [y])
    assert len(program.nodes) == 1


@pytest.mark.parametrize("size", [(10, 8), (7, 9), (3, 2)])
@pytest.mark.parametrize("corners,centers", [(False, False), (True, False), (False, True)])
def test_resize(size, corners, centers):
    b = TfliteBuilder()
    x = b.tensor(SHAPE, scale=0.05, zero_point=3)
    y = b.tensor((1, *size, 6), scale=0.05, zero_point=3)
    fields = {"AlignCorners": corners, "HalfPixelCenters": centers}
    options = "ResizeNearestNeighborOptions"
    b.operator("RESIZE_NEAREST_NEIGHBOR", [x, b.constant(list(size))], [y], options, **fields)
    program = equal(b, [x], [y])
    assert [n.op.kind for n in program.nodes] == ["resize"]


@pytest.mark.parametrize("dtype", ["int8", "uint8"])
def test_border_types(dtype):
    """uint8 graph input and output around int8 operators, as quantization converters write them."""
    b = TfliteBuilder()
    offset = 128 if dtype == "uint8" else 0
    x = b.tensor(SHAPE, dtype, scale=0.05, zero_point=3 + offset)
    inner = b.tensor(SHAPE, scale=0.05, zero_point=3)
    b.operator("QUANTIZE", [x], [inner], "QuantizeOptions")
    act = b.tensor(SHAPE, scale=1 / 256, zero_point=-128)
    b.operator("LOGISTIC", [inner], [act])
    y = b.tensor(SHAPE, dtype, scale=1 / 256, zero_point=-128 + offset)
    b.operator("QUANTIZE", [act], [y], "QuantizeOptions")
    program = equal(b, [x], [y])
    assert [n.op.kind for n in program.nodes] == ["sigmoid"]


def test_concatenation_and_strided_slice_and_pad():
    b = TfliteBuilder()
    x = b.tensor(SHAPE, scale=0.05, zero_point=3)
    both = b.tensor((1, 5, 8, 6), scale=0.05, zero_point=3)
    b.operator("CONCATENATION", [x, x], [both], "ConcatenationOptions", Axis=2)
    part = b.tensor((1, 2, 8, 6), scale=0.05, zero_point=3)
    bounds = [b.constant(v) for v in ([0, 1, 0, 0], [1, 5, 8, 6], [1, 2, 1, 1])]
    b.operator("STRIDED_SLICE", [both, *bounds], [part], "StridedSliceOptions")
    wide = b.tensor((1, 4, 9, 6), scale=0.05, zero_point=3)
    pads = b.constant([[0, 0], [1, 1], [0, 1], [0, 0]])
    b.operator("PAD", [part, pads], [wide], "PadOptions")
    program = equal(b, [x], [wide])
    assert [n.op.kind for n in program.nodes] == ["concat", "slice", "pad"]


def test_transposes_between_convolutions_move_data_once():
    b = TfliteBuilder()
    x = b.tensor(SHAPE, scale=0.05, zero_point=3)
    turned = b.tensor((1, 6, 5, 4), scale=0.05, zero_point=3)
    b.operator("TRANSPOSE", [x, b.constant([0, 3, 1, 2])], [turned], "TransposeOptions")
    y = b.tensor((1, 6, 5, 4), scale=1 / 256, zero_point=-128)
    b.operator("LOGISTIC", [turned], [y])
    back = b.tensor(SHAPE, scale=1 / 256, zero_point=-128)
    b.operator("TRANSPOSE", [y, b.constant([0, 2, 3, 1])], [back], "TransposeOptions")
    program = equal(b, [x], [back])
    assert [n.op.kind for n in program.nodes] == ["sigmoid"]
