"""Small ONNX models for the importer's tests."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def text_model(text: str, **tensors: np.ndarray) -> onnx.ModelProto:
    """A model in ONNX's text form; `tensors` become initializers."""
    model = onnx.parser.parse_model(text)
    for name, data in tensors.items():
        model.graph.initializer.append(numpy_helper.from_array(np.asarray(data), name))
    return model


def relu_model(shape: str = "1,4", opset: int = 21) -> onnx.ModelProto:
    """y = Relu(x)."""
    return text_model(
        f'<ir_version: 8, opset_import: ["" : {opset}]>\n'
        f"main (float[{shape}] x) => (float[{shape}] y) {{ y = Relu(x) }}"
    )


def cnn(opset: int = 17, batch: str | int = "N") -> onnx.ModelProto:
    """Conv, Relu, Conv with groups, Add, MaxPool, GlobalAveragePool, Flatten, Gemm; random weights."""
    rng = np.random.default_rng(0)
    weights = {
        "w1": rng.normal(size=(8, 3, 3, 3)),
        "b1": rng.normal(size=8),
        "w2": rng.normal(size=(8, 1, 3, 3)),
        "b2": rng.normal(size=8),
        "w3": rng.normal(size=(5, 8)),
        "b3": rng.normal(size=5),
    }
    nodes = [
        helper.make_node("Conv", ["x", "w1", "b1"], ["c1"], "conv1", pads=[1, 1, 1, 1], strides=[2, 2]),
        helper.make_node("Relu", ["c1"], ["r1"], "relu1"),
        helper.make_node("Conv", ["r1", "w2", "b2"], ["c2"], "conv2", pads=[1, 1, 1, 1], group=8),
        helper.make_node("Add", ["r1", "c2"], ["a"], "add"),
        helper.make_node("MaxPool", ["a"], ["p"], "pool", kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("GlobalAveragePool", ["p"], ["g"], "mean"),
        helper.make_node("Flatten", ["g"], ["f"], "flatten"),
        helper.make_node("Gemm", ["f", "w3", "b3"], ["y"], "dense", transB=1),
    ]
    graph = helper.make_graph(
        nodes,
        "cnn",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [batch, 3, 12, 12])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [batch, 5])],
        [numpy_helper.from_array(v.astype(np.float32), k) for k, v in weights.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
