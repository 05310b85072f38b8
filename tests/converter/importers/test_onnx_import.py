"""What becomes of an .onnx model: same numbers, one form, names kept."""

from __future__ import annotations

import numpy as np
import onnx
import onnx_ir as ir
import onnxruntime
import pytest
from onnx import helper
from onnx.reference import ReferenceEvaluator
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

from edgewright.converter.importers import load_model
from edgewright.errors import ModelError
from tests.converter.importers.onnx_models import cnn, relu_model, text_model
from tests.converter.importers.oracle import import_bytes, run_onnx, session

NEWEST = onnx.defs.onnx_opset_version()


def _import(model, **kwargs):
    return import_bytes(model.SerializeToString(), "m.onnx", **kwargs)


def _same_numbers(source, imported, x):
    want = onnxruntime.InferenceSession(source.SerializeToString()).run(None, {"x": x})
    np.testing.assert_allclose(run_onnx(imported, [x])[0], want[0], rtol=1e-5, atol=1e-5)


class _Calibration(CalibrationDataReader):
    def __init__(self):
        rng = np.random.default_rng(1)
        self._data = iter([{"x": rng.normal(size=(1, 3, 12, 12)).astype(np.float32)} for _ in range(8)])

    def get_next(self):
        return next(self._data, None)


@pytest.mark.parametrize("per_channel", [False, True])
@pytest.mark.parametrize("activations", [QuantType.QInt8, QuantType.QUInt8])
@pytest.mark.parametrize("options", [{}, {"ActivationSymmetric": True}, {"UseQDQContribOps": True}])
def test_qdq_models_of_onnxruntime(tmp_path, per_channel, activations, options):
    source, target = tmp_path / "float.onnx", tmp_path / "qdq.onnx"
    onnx.save(cnn(), source)
    quantize_static(
        source,
        target,
        _Calibration(),
        quant_format=QuantFormat.QDQ,
        per_channel=per_channel,
        activation_type=activations,
        weight_type=QuantType.QInt8,
        extra_options=options,
    )
    imported = load_model(target)
    assert {n.domain for n in imported.model.graph} == {""}
    assert {n.name for n in imported.model.graph} >= {"conv1", "conv2", "add", "pool", "mean", "dense"}
    for node in imported.model.graph:
        if node.op_type == "DequantizeLinear" and node.inputs[0].const_value is not None:
            assert node.inputs[0].dtype in (ir.DataType.INT8, ir.DataType.INT32)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    x = np.random.default_rng(2).normal(size=(1, 3, 12, 12)).astype(np.float32)
    want = onnxruntime.InferenceSession(target, options).run(None, {"x": x})[0]
    np.testing.assert_array_equal(session(imported).run(None, {"x": x})[0], want)


def test_quantized_constants_written_as_float_are_folded():
    """QuantizeLinear of float weights (AddQDQPairToWeight) becomes int8 weights, which stay so."""
    model = text_model(
        '<ir_version: 8, opset_import: ["" : 17]> main (float[1,2] x) => (float[1,3] y) '
        "<float s = {0.5}, int8 z = {3}> "
        "{ q = QuantizeLinear(w, s, z) d = DequantizeLinear(q, s, z) y = MatMul(x, d) }",
        w=np.arange(6, dtype=np.float32).reshape(2, 3),
    )
    imported = _import(model)
    assert [n.op_type for n in imported.model.graph] == ["DequantizeLinear", "MatMul"]
    weights = imported.model.graph.initializers["q"].const_value.numpy()
    np.testing.assert_array_equal(weights, np.arange(6).reshape(2, 3) * 2 + 3)
    assert weights.dtype == np.int8


@pytest.mark.parametrize("opset", range(13, NEWEST + 1))
def test_every_opset_is_raised_to_21(opset):
    model = cnn(opset)
    imported = _import(model)
    assert imported.model.opset_imports[""] == max(opset, 21)
    x = np.random.default_rng(0).normal(size=(1, 3, 12, 12)).astype(np.float32)
    # onnxruntime does not know the newest opsets; onnx's own evaluator does.
    (got,) = ReferenceEvaluator(ir.to_proto(imported.model)).run(None, {"x": x})
    np.testing.assert_allclose(got, run_onnx(_import(cnn(21)), [x])[0], rtol=1e-4, atol=1e-4)


def test_axes_of_reductions_become_an_input():
    model = text_model(
        '<ir_version: 8, opset_import: ["" : 13]> main (float[1,2,3] x) => (float[1,3] y) '
        "{ m = ReduceMean <axes = [1], keepdims = 0> (x) n = ReduceMax <keepdims = 1> (x) "
        "k = Squeeze(n) y = Add(m, k) }"
    )
    imported = _import(model)
    mean = next(n for n in imported.model.graph if n.op_type == "ReduceMean")
    assert mean.inputs[1].const_value.numpy().tolist() == [1]
    _same_numbers(model, imported, np.arange(6, dtype=np.float32).reshape(1, 2, 3))


def test_split_into_equal_parts():
    model = text_model(
        '<ir_version: 8, opset_import: ["" : 13]> main (float[1,6] x) => (float[1,2] y) '
        "{ a, b, c = Split <axis = 1> (x) d = Sub(a, b) y = Mul(d, c) }"
    )
    _same_numbers(model, _import(model), np.arange(6, dtype=np.float32).reshape(1, 6))


def test_shape_arithmetic_is_folded():
    """Flatten as PyTorch exports it with dynamic axes: Shape, Gather, Unsqueeze, Concat, Reshape."""
    model = text_model(
        '<ir_version: 8, opset_import: ["" : 17]> main (float[N,3,4] x) => (float[N,12] y) '
        "{ s = Shape(x) i = Constant <value_int = 0> () g = Gather(s, i) "
        "axes = Constant <value_ints = [0]> () u = Unsqueeze(g, axes) "
        "r = Constant <value_ints = [-1]> () t = Concat <axis = 0> (u, r) y = Reshape(x, t) }"
    )
    graph = _import(model).model.graph
    assert [n.op_type for n in graph] == ["Reshape"]
    assert graph.initializers["t"].const_value.numpy().tolist() == [1, -1]
    assert set(graph.initializers) == {"t"}


def test_constant_nodes_become_initializers():
    model = text_model(
        '<ir_version: 8, opset_import: ["" : 17]> main (float[1,2] x) => (float[1,2] y) '
        "{ c = Constant <value_floats = [1.0, 2.0]> () y = Add(x, c) }"
    )
    graph = _import(model).model.graph
    assert [n.op_type for n in graph] == ["Add"]
    assert graph.initializers["c"].const_value.numpy().tolist() == [1.0, 2.0]


def test_initializers_are_no_inputs():
    """Old exporters list weights among the graph's inputs."""
    model = text_model(
        '<ir_version: 3, opset_import: ["" : 13]> main (float[1,2] x, float[2] w) => (float[1,2] y) '
        "{ y = Add(x, w) }",
        w=np.array([1, 2], np.float32),
    )
    assert [v.name for v in _import(model).model.graph.inputs] == ["x"]


def test_functions_are_inlined():
    model = text_model(
        '<ir_version: 8, opset_import: ["" : 17, "mine" : 1]> main (float[1,2] x) => (float[1,2] y) '
        "{ a = mine.twice <factor = 2.0> (x) y = mine.twice <factor = 3.0> (a) } "
        '<domain: "mine", opset_import: ["" : 17]> twice <factor> (v) => (w) '
        "{ f = Constant <value_float : float = @factor> () w = Mul(v, f) }"
    )
    imported = _import(model)
    assert [n.op_type for n in imported.model.graph] == ["Mul", "Mul"]
    assert not imported.model.functions
    np.testing.assert_allclose(run_onnx(imported, [np.array([[1, 2]], np.float32)])[0], [[6, 12]])


def test_functions_of_another_opset_are_refused():
    model = text_model(
        '<ir_version: 8, opset_import: ["" : 17, "mine" : 1]> main (float[1,2] x) => (float[1,2] y) '
        "{ [call] y = mine.act(x) } "
        '<domain: "mine", opset_import: ["" : 14]> act (v) => (w) { w = Relu(v) }'
    )
    with pytest.raises(ModelError) as caught:
        _import(model)
    assert caught.value.code == "EW-ONNX-OP"
    assert "'call' calls act" in caught.value.message


def test_unsorted_nodes_are_sorted():
    model = cnn()
    nodes = list(model.graph.node)[::-1]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    names = [n.name for n in _import(model).model.graph]
    assert names.index("conv1") < names.index("relu1") < names.index("add") < names.index("dense")


def test_every_value_has_a_static_shape_and_type():
    for node in _import(cnn()).model.graph:
        for value in node.outputs:
            assert value.dtype is not None
            assert all(isinstance(d, int) for d in value.shape.dims)


def test_unnamed_and_equally_named_nodes_get_names():
    model = cnn()
    for node in model.graph.node[:4]:
        node.name = "same"
    model.graph.node[5].name = ""
    names = [n.name for n in _import(model).model.graph]
    assert names == ["same", "same_1", "same_2", "same_3", "pool", "g", "flatten", "dense"]


def test_what_nothing_reads_is_dropped():
    model = cnn()
    model.graph.node.append(helper.make_node("Sigmoid", ["c1"], ["unused"], "unused"))
    assert "unused" not in {n.name for n in _import(model).model.graph}


def test_output_that_is_an_input_or_a_constant():
    model = text_model(
        '<ir_version: 8, opset_import: ["" : 17]> main (float[1,2] x) => (float[1,2] y, float[1] c) '
        "{ y = Identity(x) c = Constant <value_floats = [3.0]> () }"
    )
    y, c = run_onnx(_import(model), [np.ones((1, 2), np.float32)])
    assert y.tolist() == [[1, 1]]
    assert c.tolist() == [3]


def test_output_that_is_an_initializer_of_another_shape_than_declared():
    model = text_model(
        '<ir_version: 8, opset_import: ["" : 17]> main (float[1,2] x) => (float[N,7] c, float[1,2] y) '
        "{ y = Add(x, c) }",
        c=np.array([[1, 2]], np.float32),
    )
    c, y = run_onnx(_import(model), [np.ones((1, 2), np.float32)])
    assert (c.tolist(), y.tolist()) == ([[1, 2]], [[2, 3]])


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("a-b.c.onnx", "a_b_c"),
        ("1st.onnx", "m_1st"),
        ("int.onnx", "int_"),
        ("µ.onnx", "model"),
        ("__x__.onnx", "x"),
    ],
)
def test_name_is_a_c_identifier(file, name):
    assert import_bytes(relu_model().SerializeToString(), file).name == name


def test_float16_model_imports():
    model = relu_model()
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.elem_type = onnx.TensorProto.FLOAT16
    (y,) = run_onnx(_import(model), [np.array([[-1, 0, 1, 2]], np.float16)])
    assert y.tolist() == [[0, 0, 1, 2]]
