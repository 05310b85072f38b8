"""What the .tflite importer refuses: coded errors that name operator, tensor and reason."""

from __future__ import annotations

import numpy as np
import pytest
import tflite

from edgewright.errors import ModelError, UsageError
from tests.converter.importers.oracle import import_bytes
from tests.shared import shared_path
from tests.tflite_builder import TENSOR_TYPES, TfliteBuilder


def _refused(data: bytes, code: str = "EW-TFLITE-OP", error: type = ModelError, **kwargs) -> str:
    with pytest.raises(error) as caught:
        import_bytes(data, **kwargs)
    assert caught.value.code == code
    assert "model.tflite" in caught.value.message
    return str(caught.value)


def _unary(kind: str = "RELU", dtype: str = "int8", **params) -> TfliteBuilder:
    m = TfliteBuilder()
    x = m.tensor((1, 4), dtype, name="left", **params)
    y = m.tensor((1, 4), dtype, name="right", **params)
    m.operator(kind, [x], [y])
    return m


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("WHILE", "control flow"),
        ("IF", "control flow"),
        ("UNIDIRECTIONAL_SEQUENCE_LSTM", "recurrent"),
        ("SVDF", "recurrent"),
        ("MIRROR_PAD", "padding with a constant"),
        ("TOPK_V2", "not supported"),
    ],
)
def test_unsupported_operator(kind, reason):
    text = _refused(_unary(kind, scale=0.1).build([0], [1]))
    assert f"operator 0 ({kind})" in text
    assert reason in text
    assert "'right'" in text
    assert "hint:" in text


def test_custom_operator_is_named():
    data = _unary("CUSTOM", scale=0.1).build([0], [1])
    assert "custom operators are not supported" in _refused(data)


def test_int16_activations():
    text = _refused(_unary(dtype="int16", scale=0.1).build([0], [1]))
    assert "int16" in text
    assert "int8 activations" in text


def test_unsupported_operator_that_nothing_needs_does_not_matter():
    m = _unary(scale=0.1)
    m.operator("TOPK_V2", [0], [m.tensor((1, 4), scale=0.1)])
    assert len(import_bytes(m.build([0], [1])).model.graph) == 3


def test_quantized_tensor_without_scale():
    assert "tensor 0 'left' is int8 without a quantization" in _refused(_unary().build([0], [1]))


def test_weights_that_are_computed():
    m = TfliteBuilder()
    x, w = m.tensor((1, 4), scale=0.1), m.tensor((3, 4), scale=0.1, name="w")
    y = m.tensor((1, 3), scale=0.1)
    m.operator("FULLY_CONNECTED", [x, w], [y], "FullyConnectedOptions")
    assert "the weights (tensor 1 'w') is not a constant" in _refused(m.build([x, w], [y]))


def test_reshape_that_changes_the_quantization():
    m = TfliteBuilder()
    x, y = m.tensor((1, 4), scale=0.1), m.tensor((4,), scale=0.2)
    m.operator("RESHAPE", [x, m.constant([4])], [y], "ReshapeOptions", NewShape=[4])
    assert "another quantization" in _refused(m.build([x], [y]))


def test_fused_activation_that_is_not_supported():
    m = TfliteBuilder()
    x, y = m.tensor((1, 4), scale=0.1), m.tensor((1, 4), scale=0.2)
    m.operator("ADD", [x, x], [y], "AddOptions", FusedActivationFunction=4)
    assert "fused activation 4" in _refused(m.build([x], [y]))


def _damaged(build, *parts: str) -> None:
    text = _refused(build, "EW-TFLITE-DAMAGED")
    for part in parts:
        assert part in text


def test_shape_that_its_operator_does_not_give():
    m = TfliteBuilder()
    x, y = m.tensor((1, 4), scale=0.1), m.tensor((1, 5), scale=0.1, name="y")
    m.operator("RELU", [x], [y])
    _damaged(m.build([x], [y]), "tensor 1 'y'", "[1, 5]", "[1, 4]")


def test_operators_in_a_circle():
    m = TfliteBuilder()
    x, a, b = (m.tensor((1, 4), scale=0.1, name=n) for n in "xab")
    m.operator("ADD", [x, b], [a], "AddOptions")
    m.operator("RELU", [a], [b])
    _damaged(m.build([x], [b]), "operator 0 (ADD)", "tensor 2 'b'", "nothing before it computes")


def test_output_that_nothing_computes():
    m = _unary(scale=0.1)
    y = m.tensor((1, 4), scale=0.1, name="lonely")
    _damaged(m.build([0], [y]), "'lonely'")


def test_buffer_of_another_size_than_the_shape():
    m = TfliteBuilder()
    x, y = m.tensor((1, 4), scale=0.1), m.tensor((1, 4), scale=0.1)
    w = m.constant(np.zeros(4), "int8", scale=0.1, name="w")
    m.tensors[w].shape = (400,)
    m.operator("ADD", [x, w], [y], "AddOptions")
    _damaged(m.build([x], [y]), "tensor 2 'w'", "[400]", "4 bytes")


def test_output_of_a_pooling_with_two_dimensions():
    m = TfliteBuilder()
    x, y = m.tensor((1, 4, 4, 1), scale=0.1), m.tensor((1, 16), scale=0.1, name="y")
    m.operator("MAX_POOL_2D", [x], [y], "Pool2DOptions", StrideW=1, StrideH=1, FilterWidth=1, FilterHeight=1)
    _damaged(m.build([x], [y]), "operator 0 (MAX_POOL_2D)", "tensor 1 'y' has the shape [1, 16]")


def test_constant_of_another_rank_in_a_concatenation():
    m = TfliteBuilder()
    x, y = m.tensor((1, 4, 4, 1), scale=0.1), m.tensor((1, 4, 4, 2), scale=0.1)
    z = m.tensor((1, 4, 4, 1), scale=0.1)
    c = m.constant(np.zeros((4, 4, 1)), "int8", scale=0.1, name="c")
    m.operator("MAX_POOL_2D", [x], [z], "Pool2DOptions", StrideW=1, StrideH=1, FilterWidth=1, FilterHeight=1)
    m.operator("CONCATENATION", [z, c], [y], "ConcatenationOptions", Axis=3)
    _damaged(m.build([x], [y]), "operator 1 (CONCATENATION)", "'c'")


def test_two_operators_compute_one_tensor():
    m = _unary(scale=0.1)
    m.operator("RELU", [0], [1])
    _damaged(m.build([0], [1]), "has a value already")


@pytest.mark.parametrize("stride", [0, -1, 1 << 20])
def test_stride_out_of_bounds(stride):
    m = TfliteBuilder()
    x, y = m.tensor((1, 4, 4, 1), scale=0.1), m.tensor((1, 4, 4, 1), scale=0.1)
    m.operator(
        "MAX_POOL_2D", [x], [y], "Pool2DOptions", StrideW=stride, StrideH=1, FilterWidth=1, FilterHeight=1
    )
    _damaged(m.build([x], [y]), "operator 0 (MAX_POOL_2D)", f"StrideW is {stride}")


def test_options_of_another_operator():
    m = TfliteBuilder()
    x, y = m.tensor((1, 4), scale=0.1), m.tensor((1, 4), scale=0.1)
    m.operator("ADD", [x, x], [y], "Pool2DOptions", StrideW=1)
    _damaged(m.build([x], [y]), "its options are not AddOptions")


@pytest.mark.parametrize("shape", [(1 << 30,), (1 << 14, 1 << 14), (-5, 3), (1,) * 9])
def test_dimensions_out_of_bounds(shape):
    m = _unary(scale=0.1)
    m.tensors[0].shape = shape
    assert "tensor 0 'left'" in _refused(m.build([0], [1]), "EW-MODEL-SIZE")


def test_padding_that_would_not_fit():
    m = TfliteBuilder()
    x, y = m.tensor((1, 4, 4, 1), scale=0.1), m.tensor((1, 4, 4, 1), scale=0.1)
    m.operator("PAD", [x, m.constant([[0, 0], [1 << 19, 0], [1 << 19, 0], [0, 0]])], [y])
    _refused(m.build([x], [y]), "EW-MODEL-SIZE")


def test_one_small_buffer_shared_by_many_tensors_does_not_grow():
    """1 MB of constants read as 400 weights would be 400 MB."""
    m = TfliteBuilder()
    x = y = m.tensor((1, 1024), scale=0.1)
    shared = m.constant(np.zeros((1024, 1024)), "int8", scale=0.1)
    for _ in range(400):
        w = m.tensor((1024, 1024), scale=0.1)
        m.tensors[w].buffer = m.tensors[shared].buffer
        previous, y = y, m.tensor((1, 1024), scale=0.1)
        m.operator("FULLY_CONNECTED", [previous, w], [y], "FullyConnectedOptions")
    assert "much larger than the file" in _refused(m.build([x], [y]), "EW-MODEL-SIZE")


def test_given_shapes_can_only_repeat_the_file():
    data = _unary(scale=0.1).build([0], [1])
    assert import_bytes(data, shapes={"left": (1, 4)}).name == "model"
    text = _refused(data, "EW-SHAPE-MISMATCH", UsageError, shapes={"left": (1, 5)})
    assert "--shape left=1,5" in text
    text = _refused(data, "EW-SHAPE-NAME", UsageError, shapes={"wrong": (1, 4)})
    assert "'wrong'" in text
    assert "'left'" in text


def test_equal_and_empty_names_become_unique():
    m = TfliteBuilder()
    x, a, b, y = (m.tensor((1, 4), scale=0.1, name=n) for n in ("same", "same", "", "same"))
    # An empty name is the builder's default.
    m.tensors[b].name = ""
    m.operator("RELU", [x], [a])
    m.operator("RELU", [a], [b])
    m.operator("RELU", [b], [y])
    graph = import_bytes(m.build([x], [y])).model.graph
    assert [v.name for v in (*graph.inputs, *graph.outputs)] == ["same", "same_2"]
    assert len({n.name for n in graph}) == len(graph)


def test_dimension_other_than_the_batch_is_dynamic():
    data = shared_path("models/mlperf_tiny/kws_ref_model.tflite").read_bytes()
    signature, dynamic = (np.array(v, "<i4").tobytes() for v in ([-1, 49, 10, 1], [-1, -1, 10, 1]))
    assert signature in data
    text = _refused(data.replace(signature, dynamic))
    assert "graph input tensor" in text
    assert "dynamic shape ['?', '?', 10, 1]" in text


def _patched(monkeypatch, name, action) -> None:
    """Let a function of the flatbuffer writer do something first."""
    original = getattr(tflite, name)

    def wrapper(builder):
        action(builder)
        return original(builder)

    monkeypatch.setattr(tflite, name, wrapper)


def test_variable_tensor(monkeypatch):
    _patched(monkeypatch, "TensorEnd", lambda b: tflite.TensorAddIsVariable(b, True))
    assert "is a variable" in _refused(_unary(scale=0.1).build([0], [1]))


def test_sparse_tensor(monkeypatch):
    tables = []

    def begin(b):
        tflite.SparsityParametersStart(b)
        tables.append(tflite.SparsityParametersEnd(b))

    _patched(monkeypatch, "TensorStart", begin)
    _patched(monkeypatch, "TensorEnd", lambda b: tflite.TensorAddSparsity(b, tables[-1]))
    assert "is sparse" in _refused(_unary(scale=0.1).build([0], [1]))


@pytest.mark.parametrize(("offset", "size"), [(1 << 40, 4), (64, 1 << 62), ((1 << 64) - 1, 2)])
def test_buffer_outside_the_file(monkeypatch, offset, size):
    def place(b):
        tflite.BufferAddOffset(b, offset)
        tflite.BufferAddSize(b, size)

    _patched(monkeypatch, "BufferEnd", place)
    m = _unary(scale=0.1)
    m.constant(np.zeros(4), "int8", scale=0.1)
    _damaged(m.build([0], [1]), "buffer 1", f"bytes {offset:,}")


def test_buffer_behind_the_flatbuffer(monkeypatch):
    """How models of more than 2 GB keep their weights."""
    m = TfliteBuilder()
    x, y = m.tensor((1, 4), "float32"), m.tensor((1, 4), "float32")
    w = m.constant([1, 2, 3, 4], "float32")
    m.operator("ADD", [x, w], [y], "AddOptions")
    m.buffers[1] = b""
    offsets = [m.build([x], [y])]

    def place(b):
        tflite.BufferAddOffset(b, len(offsets[-1]))
        tflite.BufferAddSize(b, 16)

    _patched(monkeypatch, "BufferEnd", place)
    for _ in range(2):  # the second time with the size that the offsets themselves give
        offsets.append(m.build([x], [y]))
    data = offsets[-1] + np.array([1, 2, 3, 4], "<f4").tobytes()
    constants = import_bytes(data).model.graph.initializers
    assert constants["t2"].const_value.numpy().tolist() == [1, 2, 3, 4]


def test_type_that_is_not_supported(monkeypatch):
    monkeypatch.setitem(TENSOR_TYPES, "int4", tflite.TensorType.INT4)
    assert "elements of type INT4" in _refused(_unary(dtype="int4", scale=0.1).build([0], [1]))


@pytest.mark.parametrize("scale", [-0.1, float("nan"), float("inf")])
def test_scale_that_is_no_scale(scale):
    _damaged(_unary(scale=scale).build([0], [1]), "tensor 0 'left'", "a scale is negative or not finite")


def test_zero_point_outside_the_type():
    _damaged(_unary(scale=0.1, zero_point=300).build([0], [1]), "zero point is not in the range of int8")


def test_scale_of_zero():
    assert "has the scales" in _refused(_unary(scale=0.0).build([0], [1]))


def test_many_operators_are_refused_at_once():
    m = TfliteBuilder()
    x, y = m.tensor((1, 4), scale=0.1), m.tensor((1, 4), scale=0.1)
    for _ in range(5001):
        m.operator("RELU", [x], [y])
    assert "5,001 operators" in _refused(m.build([x], [y]), "EW-MODEL-SIZE")


def test_tables_that_share_a_long_vector():
    """A file of half a megabyte that describes billions of operands."""
    m = _unary(scale=0.1)
    m.operators[0].inputs = [0] * 100_000
    for _ in range(20):
        m.operator("RELU", [0] * 100_000, [m.tensor((1, 4), scale=0.1)])
    assert "describes more than" in _refused(m.build([0], [1]), "EW-MODEL-SIZE")
