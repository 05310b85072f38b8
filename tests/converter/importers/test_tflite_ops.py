"""Every builtin operator of the .tflite importer: onnxruntime on the result against LiteRT.

onnxruntime computes between DequantizeLinear and QuantizeLinear in float32 and rounds halves to
even, LiteRT in integers with its own rounding: one step of the output's quantization apart is the
most that may come of it. Float operators differ by float32's rounding.
"""

from __future__ import annotations

import os
import zlib

import numpy as np
import pytest

from tests.converter.importers import op_compute
from tests.converter.importers.op_models import FLOAT_ONLY, QUANTIZED, TANH, UNIT, inputs_for
from tests.converter.importers.oracle import import_bytes, largest_difference, run_onnx
from tests.tflite_builder import TfliteBuilder

CASES = 12 * int(os.environ.get("EDGEWRIGHT_SOAK", "1"))

# LiteRT's positions have 10 fractional bits: over the 24 pixels here they are off by up to 24/2048
# of a pixel, between neighbours that differ by up to 255 steps.
LARGEST_LSB = {"RESIZE_BILINEAR": 4}
# exp grows the rounding of its argument.
FLOAT_TOLERANCE = {"EXP": 1e-2}
FLOAT = {k: v for k, v in QUANTIZED.items() if " " not in k and k != "DEQUANTIZE"} | FLOAT_ONLY


def _worst(kind, make, dtype):
    worst = 0.0
    for case in range(CASES):
        rng = np.random.default_rng([zlib.crc32(kind.encode()), case])
        model = make(rng, dtype)
        data = model[0].build(model[1], model[2])
        worst = max(worst, largest_difference(data, inputs_for(rng, model)))
    return worst


@pytest.mark.parametrize("kind", QUANTIZED)
def test_quantized_operator_is_within_one_step_of_litert(kind):
    assert _worst(kind, QUANTIZED[kind], "int8") <= LARGEST_LSB.get(kind, 1)


@pytest.mark.parametrize("kind", FLOAT)
def test_float_operator_equals_litert(kind):
    assert _worst(kind, FLOAT[kind], "float32") <= FLOAT_TOLERANCE.get(kind, 1e-4)


@pytest.mark.parametrize(
    ("kind", "function"),
    [
        ("ELU", lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0)))),
        ("CEIL", np.ceil),
        ("ROUND", np.round),
    ],
)
def test_float_operator_without_reference_kernel_equals_numpy(kind, function):
    model = op_compute.unary(kind)(np.random.default_rng(1), "float32")
    (x,) = inputs_for(np.random.default_rng(2), model)
    (y,) = run_onnx(import_bytes(model[0].build(model[1], model[2])), [x])
    np.testing.assert_allclose(y, function(x), atol=1e-6)


def test_new_axis_and_ellipsis_of_strided_slice():
    m = TfliteBuilder()
    x = m.tensor((1, 4, 5, 6), "float32")
    y = m.tensor((1, 4, 5, 1, 2), "float32")
    # x[..., newaxis, 1:5:2]
    operands = [x, m.constant([0, 0, 1]), m.constant([0, 0, 5]), m.constant([1, 1, 2])]
    m.operator("STRIDED_SLICE", operands, [y], "StridedSliceOptions", EllipsisMask=1, NewAxisMask=2)
    data = np.random.default_rng(0).normal(size=(1, 4, 5, 6)).astype(np.float32)
    (got,) = run_onnx(import_bytes(m.build([x], [y])), [data])
    np.testing.assert_array_equal(got, data[..., np.newaxis, 1:5:2])


def test_same_padding_at_stride_two_pads_bottom_and_right():
    m = TfliteBuilder()
    x = m.tensor((1, 4, 4, 1), scale=1.0)
    y = m.tensor((1, 2, 2, 1), scale=1.0)
    weights = m.constant(np.arange(9).reshape(1, 3, 3, 1), "int8", scale=1.0)
    bias = m.constant([0], "int32", scale=1.0)
    m.operator(
        "CONV_2D",
        [x, weights, bias],
        [y],
        "Conv2DOptions",
        StrideW=2,
        StrideH=2,
        DilationWFactor=1,
        DilationHFactor=1,
    )
    imported = import_bytes(m.build([x], [y]))
    (conv,) = [n for n in imported.model.graph if n.op_type == "Conv"]
    assert conv.attributes["pads"].as_ints() == (0, 0, 1, 1)


def test_a_chain_of_convolutions_has_transposes_at_its_ends_only():
    rng = np.random.default_rng(0)
    m = TfliteBuilder()
    x = tensor = m.tensor((1, 6, 6, 3), scale=0.1, name="x")
    for i in range(3):
        y = m.tensor((1, 6, 6, 3), scale=0.3, name=f"y{i}")
        weights = m.constant(rng.integers(-127, 128, (3, 3, 3, 3)), "int8", scale=0.01)
        bias = m.constant([1, 2, 3], "int32", scale=0.001)
        m.operator(
            "CONV_2D",
            [tensor, weights, bias],
            [y],
            "Conv2DOptions",
            StrideW=1,
            StrideH=1,
            DilationWFactor=1,
            DilationHFactor=1,
        )
        z = m.tensor((1, 6, 6, 3), scale=0.3, name=f"z{i}")
        m.operator("ADD", [y, y], [z], "AddOptions")
        tensor = z
    data = m.build([x], [tensor])
    graph = import_bytes(data).model.graph
    assert [n.op_type for n in graph].count("Transpose") == 2
    assert {v.name for n in graph for v in n.outputs} >= {"y0", "z0", "y1", "z1", "y2", "z2"}
    assert largest_difference(data, [rng.integers(-128, 128, (1, 6, 6, 3)).astype(np.int8)]) <= 1


def test_pooled_vector_is_flattened_without_transpose():
    m = TfliteBuilder()
    x = m.tensor((1, 4, 4, 5), scale=0.1)
    pooled, flat = m.tensor((1, 1, 1, 5), scale=0.1), m.tensor((1, 5), scale=0.1)
    m.operator(
        "AVERAGE_POOL_2D",
        [x],
        [pooled],
        "Pool2DOptions",
        Padding=1,
        StrideW=4,
        StrideH=4,
        FilterWidth=4,
        FilterHeight=4,
    )
    m.operator("RESHAPE", [pooled, m.constant([1, 5])], [flat], "ReshapeOptions", NewShape=[1, 5])
    graph = import_bytes(m.build([x], [flat])).model.graph
    assert [n.op_type for n in graph].count("Transpose") == 1


def test_shape_computed_at_run_time_for_a_reshape_is_dropped():
    """Keras' Flatten with an open batch: SHAPE, STRIDED_SLICE, PACK and RESHAPE."""
    m = TfliteBuilder()
    x = m.tensor((1, 2, 3), scale=0.1)
    shape, first, target = (m.tensor(s, "int32") for s in ((3,), (), (2,)))
    y = m.tensor((1, 6), scale=0.1)
    m.operator("SHAPE", [x], [shape], "ShapeOptions", OutType=2)
    bounds = [m.constant([v]) for v in (0, 1, 1)]
    m.operator("STRIDED_SLICE", [shape, *bounds], [first], "StridedSliceOptions", ShrinkAxisMask=1)
    m.operator("PACK", [first, m.constant(np.int32(6))], [target], "PackOptions", ValuesCount=2)
    m.operator("RESHAPE", [x, target], [y], "ReshapeOptions")
    data = m.build([x], [y])
    values = np.arange(6, dtype=np.int8).reshape(1, 2, 3)
    assert largest_difference(data, [values]) == 0


@pytest.mark.parametrize("dtype", ["float16", "int8"])
def test_compressed_weights_behind_a_dequantize(dtype):
    """Float models with weights of half size: constants go through DEQUANTIZE."""
    rng = np.random.default_rng(3)
    m = TfliteBuilder()
    x, y = m.tensor((1, 4), "float32"), m.tensor((1, 3), "float32")
    quantization = {"scale": 0.05, "zero_point": 0} if dtype == "int8" else {}
    values = rng.integers(-100, 100, (3, 4)) if dtype == "int8" else rng.normal(size=(3, 4))
    packed = m.constant(values, dtype, **quantization)
    weights = m.tensor((3, 4), "float32")
    m.operator("DEQUANTIZE", [packed], [weights], "DequantizeOptions")
    m.operator("FULLY_CONNECTED", [x, weights], [y], "FullyConnectedOptions")
    data = rng.normal(size=(1, 4)).astype(np.float32)
    (got,) = run_onnx(import_bytes(m.build([x], [y])), [data])
    real = values * 0.05 if dtype == "int8" else values.astype(np.float16)
    np.testing.assert_allclose(got, data @ real.astype(np.float32).T, rtol=1e-5)


@pytest.mark.parametrize(("kind", "out"), [("LOGISTIC", UNIT), ("TANH", TANH)])
def test_uint8_models_of_old_converters(kind, out):
    out = {"scale": out["scale"], "zero_point": 0 if kind == "LOGISTIC" else 128}
    m = TfliteBuilder()
    x = m.tensor((1, 16, 16), "uint8", scale=0.05, zero_point=128)
    y = m.tensor((1, 16, 16), "uint8", **out)
    m.operator(kind, [x], [y])
    data = np.arange(256, dtype=np.uint8).reshape(1, 16, 16)
    assert largest_difference(m.build([x], [y]), [data]) <= 1
