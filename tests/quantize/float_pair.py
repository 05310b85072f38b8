"""A float model of two layers, and QDQ models of it that are wrong in chosen ways.

x [1, 4, 6, 6] -> conv1 (3x3, 8 channels), Relu -> t1 -> conv2 (1x1, 5 channels) -> y
"""

from dataclasses import dataclass

import ml_dtypes
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

X_SHAPE, Y_SHAPE = (1, 4, 6, 6), (1, 5, 4, 4)


@dataclass
class Parts:
    """What the models are made of; tests change it."""

    w1: np.ndarray
    w2: np.ndarray
    x_scale: float = 0.04
    t1_scale: float = 0.05
    y_scale: float = 0.08
    w2_levels: tuple[int, ...] | None = None  # of INT4 weights
    w2_per_tensor: bool = False


def parts(seed: int = 0, **changes) -> Parts:
    rng = np.random.default_rng(seed)
    w1 = rng.standard_normal((8, 4, 3, 3)).astype(np.float32) * 0.2
    w2 = rng.standard_normal((5, 8, 1, 1)).astype(np.float32) * 0.4
    return Parts(**({"w1": w1, "w2": w2} | changes))


def samples(count: int = 12, seed: int = 1) -> list[dict[str, np.ndarray]]:
    rng = np.random.default_rng(seed)
    return [{"x": rng.standard_normal(X_SHAPE).astype(np.float32)} for _ in range(count)]


def float_model(p: Parts) -> onnx.ModelProto:
    nodes = [
        helper.make_node("Conv", ["x", "w1"], ["c1"], name="conv1"),
        helper.make_node("Relu", ["c1"], ["t1"], name="relu1"),
        helper.make_node("Conv", ["t1", "w2"], ["y"], name="conv2"),
    ]
    return _model(nodes, [numpy_helper.from_array(p.w1, "w1"), numpy_helper.from_array(p.w2, "w2")])


def quantized_model(p: Parts) -> onnx.ModelProto:
    nodes: list[onnx.NodeProto] = []
    constants: list[onnx.TensorProto] = []

    def qdq(name: str, scale: float, zero: int, result: str) -> None:
        constants.append(numpy_helper.from_array(np.float32(scale), f"{name}/scale"))
        constants.append(numpy_helper.from_array(np.int8(zero), f"{name}/zero"))
        parameters = [f"{name}/scale", f"{name}/zero"]
        nodes.append(helper.make_node("QuantizeLinear", [name, *parameters], [f"{name}/quantized"]))
        nodes.append(helper.make_node("DequantizeLinear", [f"{name}/quantized", *parameters], [result]))

    qdq("x", p.x_scale, 0, "x/dequantized")
    _weights(nodes, constants, "w1", p.w1, None, False)
    nodes.append(helper.make_node("Conv", ["x/dequantized", "w1/dequantized"], ["c1"], name="conv1"))
    nodes.append(helper.make_node("Relu", ["c1"], ["t1"], name="relu1"))
    qdq("t1", p.t1_scale, -128, "t1/dequantized")
    _weights(nodes, constants, "w2", p.w2, p.w2_levels, p.w2_per_tensor)
    nodes.append(helper.make_node("Conv", ["t1/dequantized", "w2/dequantized"], ["y/float"], name="conv2"))
    qdq("y/float", p.y_scale, 0, "y")
    return _model(nodes, constants)


def _weights(nodes, constants, name, real, levels, per_tensor) -> None:
    top = max(levels) if levels else 127
    axes = None if per_tensor else (1, 2, 3)
    scale = np.abs(real).max(axis=axes).astype(np.float32) / top
    steps = real / np.reshape(scale, (-1, 1, 1, 1))
    choices = np.array(levels if levels else range(-127, 128))
    integers = choices[np.abs(steps[..., None] - choices).argmin(-1)]
    kind = ml_dtypes.int4 if levels else np.int8
    constants.append(numpy_helper.from_array(integers.astype(kind), name))
    constants.append(numpy_helper.from_array(np.asarray(scale), f"{name}/scale"))
    attributes = {} if per_tensor else {"axis": 0}
    inputs = [name, f"{name}/scale"]
    nodes.append(helper.make_node("DequantizeLinear", inputs, [f"{name}/dequantized"], **attributes))


def _model(nodes, constants) -> onnx.ModelProto:
    graph = helper.make_graph(
        nodes,
        "pair",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, X_SHAPE)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, Y_SHAPE)],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    onnx.checker.check_model(model)
    return model
