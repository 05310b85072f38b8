"""Input shapes of .onnx models: the batch becomes 1, other symbols are asked for."""

from __future__ import annotations

import pytest

from edgewright.errors import ModelError, UsageError
from tests.converter.importers.onnx_models import relu_model, text_model
from tests.converter.importers.oracle import import_bytes

TWO_INPUTS = """<ir_version: 8, opset_import: ["" : 17]>
main (float[N,T,4] a, float[N,T,4] b) => (float[N,T,4] y) { y = Add(a, b) }"""


def _import(model, **shapes):
    return import_bytes(model.SerializeToString(), "m.onnx", shapes=shapes).model.graph


def _shapes(values):
    return [list(v.shape.numpy()) for v in values]


def _error(model, code, error=UsageError, **shapes):
    with pytest.raises(error) as caught:
        _import(model, **shapes)
    assert caught.value.code == code
    return str(caught.value)


@pytest.mark.parametrize("batch", ["N", "batch_size", "1"])
def test_batch_becomes_one(batch):
    graph = _import(relu_model(f"{batch},4,5"))
    assert _shapes([*graph.inputs, *graph.outputs]) == [[1, 4, 5]] * 2


def test_dimension_without_value_or_name_is_symbolic():
    model = relu_model("1,4")
    for dim in (0, 1):
        model.graph.input[0].type.tensor_type.shape.dim[dim].Clear()
    assert "?" in _error(model, "EW-SHAPE-NEEDED")
    assert _shapes(_import(model, x=(1, 4)).outputs) == [[1, 4]]


@pytest.mark.parametrize("value", [0, -1])
def test_dimension_of_zero_or_less_is_symbolic(value):
    model = relu_model("1,4")
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = value
    model.graph.output[0].type.tensor_type.shape.dim[0].dim_param = "N"
    assert _shapes(_import(model).inputs) == [[1, 4]]


def test_other_symbols_are_asked_for():
    text = _error(relu_model("N,time,4"), "EW-SHAPE-NEEDED")
    assert "'x'" in text
    assert "--shape x=1,time,4" in text


def test_given_shape_is_used_everywhere():
    graph = _import(text_model(TWO_INPUTS), a=(1, 7, 4))
    assert _shapes([*graph.inputs, *graph.outputs]) == [[1, 7, 4]] * 3


def test_given_shapes_that_contradict_each_other():
    text = _error(text_model(TWO_INPUTS), "EW-SHAPE-MISMATCH", a=(1, 7, 4), b=(1, 8, 4))
    assert "--shape b=1,8,4" in text


@pytest.mark.parametrize("given", [(1, 7), (1, 7, 5), (1, 7, 4, 1), (1, 0, 4), (1, -3, 4)])
def test_given_shape_that_contradicts_the_model(given):
    assert "--shape a=" in _error(text_model(TWO_INPUTS), "EW-SHAPE-MISMATCH", a=given)


def test_given_name_that_is_no_input():
    text = _error(relu_model("N,4"), "EW-SHAPE-NAME", z=(1, 4))
    assert "'z'" in text
    assert "'x'" in text


def test_given_batch_is_kept():
    assert _shapes(_import(relu_model("N,4"), x=(3, 4)).inputs) == [[3, 4]]


def test_input_without_a_shape():
    model = relu_model()
    model.graph.input[0].type.tensor_type.ClearField("shape")
    model.graph.output[0].type.tensor_type.ClearField("shape")
    assert "--shape x=1" in _error(model, "EW-SHAPE-NEEDED")
    assert _shapes(_import(model, x=(1, 3)).outputs) == [[1, 3]]


@pytest.mark.parametrize("shape", [(1, 1 << 27), (1, 1 << 14, 1 << 14), (1 << 62, 1 << 62)])
def test_given_shape_out_of_bounds(shape):
    dims = ",".join("abcd"[: len(shape)])
    _error(relu_model(dims), "EW-MODEL-SIZE", ModelError, x=shape)


def test_output_shape_depends_on_the_data():
    model = text_model(
        '<ir_version: 8, opset_import: ["" : 17]> main (float[1,4] x) => (int64[2,M] y) { y = NonZero(x) }'
    )
    model.graph.node[0].name = "find"
    text = _error(model, "EW-ONNX-SHAPE", ModelError)
    assert "'find' (NonZero)" in text
    assert "depends on the data" in text


def test_declared_shapes_of_computed_values_are_replaced():
    model = relu_model("N,4")
    model.graph.output[0].type.tensor_type.shape.dim[0].dim_value = 64
    assert _shapes(_import(model).outputs) == [[1, 4]]


@pytest.mark.parametrize(
    "body",
    [
        "shape = Constant <value = int64[3] {1048576, 1048576, 1048576}> () big = ConstantOfShape(shape)",
        "shape = Constant <value = int64[2] {65536, 65536}> () big = Expand(one, shape)",
        "z = Constant <value = int64 {0}> () n = Constant <value = int64 {1000000000000}> () "
        "s = Constant <value = int64 {1}> () r = Range(z, n, s) big = Cast <to = 1> (r)",
        "t = Constant <value = int64[1] {4611686018427387904}> () big = Tile(one, t)",
    ],
)
def test_node_that_would_make_a_huge_tensor(body):
    model = text_model(
        '<ir_version: 8, opset_import: ["" : 17]> main (float[1] x) => (float[1] y) '
        "<float[1] one = {1}> { " + body + " m = ReduceMax <keepdims = 0> (big) y = Add(x, m) }"
    )
    with pytest.raises(ModelError) as caught:
        _import(model)
    assert caught.value.code in ("EW-MODEL-SIZE", "EW-ONNX-SHAPE")
