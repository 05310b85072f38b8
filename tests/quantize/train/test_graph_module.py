"""ONNX graphs as torch modules: the same values as onnxruntime, for a batch as for one sample."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

torch = pytest.importorskip("torch")

from edgewright.converter.importers import load_model  # noqa: E402
from edgewright.errors import ModelError  # noqa: E402
from edgewright.quantize.prepare import prepare  # noqa: E402
from edgewright.quantize.train.graph_module import GraphModule  # noqa: E402
from tests.shared import shared_path  # noqa: E402

RNG = np.random.default_rng(0)


def save(path, nodes, shape, output, constants):
    weights = [numpy_helper.from_array(np.asarray(v), k) for k, v in constants.items()]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, output)],
        weights,
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10), path)
    return path


def check(path, tolerance=1e-5):
    """The module against onnxruntime, four samples at once against one by one."""
    imported = load_model(path)
    module = GraphModule(prepare(imported).graph).eval()
    session = onnxruntime.InferenceSession(path)
    (given,) = session.get_inputs()
    x = RNG.standard_normal((4, *given.shape[1:])).astype(np.float32)
    wanted = np.concatenate([session.run(None, {given.name: v[None]})[0] for v in x])
    with torch.no_grad():
        found = module(torch.from_numpy(x))
        found = torch.softmax(found, -1) if module.softmax else found
    np.testing.assert_allclose(found.numpy(), wanted, rtol=tolerance, atol=tolerance)


def f32(*shape):
    return RNG.standard_normal(shape).astype(np.float32)


CHAINS = {
    "PRelu": [("PRelu", [f32(6, 1, 1)], {})],
    "LeakyRelu": [("LeakyRelu", [], {"alpha": 0.3})],
    "Clip": [("Clip", [np.float32(-0.5), np.float32(1.0)], {})],
    "HardSwish": [("HardSwish", [], {})],
    "Sigmoid, Mul": [("Sigmoid", [], {}), ("Mul", [f32(1, 6, 1, 1)], {})],
    "AveragePool": [("AveragePool", [], {"kernel_shape": [3, 2], "strides": [2, 2], "pads": [1, 0, 1, 1]})],
    "AveragePool with padding": [
        ("AveragePool", [], {"kernel_shape": [2, 2], "pads": [1, 1, 0, 0], "count_include_pad": 1})
    ],
    "MaxPool": [("MaxPool", [], {"kernel_shape": [2, 3], "strides": [1, 2], "pads": [1, 1, 0, 1]})],
    "GlobalAveragePool": [("GlobalAveragePool", [], {})],
    "ReduceMean": [("ReduceMean", [np.array([2, 3], np.int64)], {"keepdims": 0})],
    "Transpose": [("Transpose", [], {"perm": [0, 2, 3, 1]})],
    "Reshape": [("Reshape", [np.array([1, -1], np.int64)], {})],
    "Pad": [("Pad", [np.array([0, 0, 1, 2, 0, 1, 0, 1], np.int64), np.float32(0.5)], {})],
    "Softmax": [("Softmax", [], {"axis": -1})],
}


@pytest.mark.parametrize("name", CHAINS)
def test_operators_equal_onnxruntime(tmp_path, name):
    constants = {"w": f32(6, 3, 3, 2), "b": f32(6)}
    nodes = [
        helper.make_node("Conv", ["x", "w", "b"], ["v0"], strides=[2, 1], auto_pad="SAME_UPPER", name="conv")
    ]
    for i, (op, extra, attributes) in enumerate(CHAINS[name]):
        names = [f"c{i}_{j}" for j in range(len(extra))]
        constants |= dict(zip(names, extra, strict=True))
        last = "y" if i + 1 == len(CHAINS[name]) else f"v{i + 1}"
        nodes.append(helper.make_node(op, [f"v{i}", *names], [last], name=op, **attributes))
    check(save(tmp_path / "m.onnx", nodes, [1, 3, 9, 7], None, constants))


def test_branches_and_dense_layers(tmp_path):
    constants = {
        "w": f32(4, 4, 1, 1),
        "m": f32(4 * 36, 5),
        "a": f32(5),
        "g": f32(3, 5),
        "s": np.array([1, -1], np.int64),
    }
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"], name="c"),
        helper.make_node("Add", ["c", "x"], ["r"], name="r"),
        helper.make_node("Concat", ["r", "c"], ["k"], axis=1, name="k"),
        helper.make_node("Split", ["k"], ["k0", "k1"], axis=1, num_outputs=2, name="s"),
        helper.make_node("Sub", ["k0", "k1"], ["d"], name="d"),
        helper.make_node("Reshape", ["d", "s"], ["f"], name="f"),
        helper.make_node("MatMul", ["f", "m"], ["p"], name="p"),
        helper.make_node("Add", ["p", "a"], ["q"], name="q"),
        helper.make_node("Tanh", ["q"], ["t"], name="t"),
        helper.make_node("Gemm", ["t", "g"], ["y"], transB=1, alpha=0.5, name="y"),
    ]
    check(save(tmp_path / "m.onnx", nodes, [1, 4, 6, 6], [1, 3], constants))


def test_an_unknown_operator_is_named(tmp_path):
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"], name="first"),
        helper.make_node("CumSum", ["c", "axis"], ["y"], name="sums"),
    ]
    path = save(tmp_path / "m.onnx", nodes, [1, 2, 4, 4], None, {"w": f32(2, 2, 1, 1), "axis": np.int64(1)})
    with pytest.raises(ModelError, match=r"sums \(CumSum\)") as caught:
        GraphModule(prepare(load_model(path)).graph)
    assert caught.value.code == "EW-TRAIN-OP"


def test_what_moves_the_batch_is_refused(tmp_path):
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"], name="first"),
        helper.make_node("Transpose", ["c"], ["y"], perm=[1, 0, 2, 3], name="swap"),
    ]
    path = save(tmp_path / "m.onnx", nodes, [1, 1, 4, 4], None, {"w": f32(1, 1, 1, 1)})
    module = GraphModule(prepare(load_model(path)).graph)
    with pytest.raises(ModelError, match="moves the batch"):
        module(torch.zeros(2, 1, 4, 4))


@pytest.mark.parametrize("name", ["kws_f", "ad_f", "ic_f"])
def test_real_models_equal_onnxruntime(name):
    check(shared_path(f"models/mlperf_tiny/float_onnx/{name}.onnx"), tolerance=2e-3)
