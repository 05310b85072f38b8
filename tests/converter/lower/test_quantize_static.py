"""Models quantized by onnxruntime's quantize_static, as users bring them, against onnxruntime.

Calibration data is random. The error of one layer feeds the next, so a whole model is allowed a few
steps of its output's scale; single operators are bounded by one elsewhere.
"""

from __future__ import annotations

import logging

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

from tests.converter.lower.qdq import check

INPUT = (1, 3, 12, 12)


class _Floats:
    """A float graph under construction."""

    def __init__(self):
        self.rng = np.random.default_rng(0)
        self.nodes, self.initializers = [], []

    def constant(self, array):
        name = f"c{len(self.initializers)}"
        self.initializers.append(numpy_helper.from_array(np.asarray(array), name))
        return name

    def node(self, op, inputs, **attributes):
        name = f"{op.lower()}{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, inputs, [name], name=f"node_{name}", **attributes))
        return name

    def conv(self, x, outputs, inputs, kernel, **attributes):
        depth = inputs // attributes.get("group", 1)
        w = self.rng.normal(size=(outputs, depth, kernel, kernel)) / np.sqrt(depth * kernel * kernel)
        b = self.rng.normal(size=outputs) * 0.1
        constants = [self.constant(w.astype(np.float32)), self.constant(b.astype(np.float32))]
        return self.node("Conv", [x, *constants], **attributes)

    def dense(self, x, inputs, outputs):
        w = self.rng.normal(size=(outputs, inputs)) / np.sqrt(inputs)
        b = self.rng.normal(size=outputs) * 0.1
        constants = [self.constant(w.astype(np.float32)), self.constant(b.astype(np.float32))]
        return self.node("Gemm", [x, *constants], transB=1)

    def model(self, y):
        graph = helper.make_graph(
            self.nodes,
            "float",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, INPUT)],
            [helper.make_tensor_value_info(y, TensorProto.FLOAT, None)],
            self.initializers,
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        return onnx.shape_inference.infer_shapes(model)


def _plain(g):
    y = g.node("Relu", [g.conv("x", 8, 3, 3, pads=[1] * 4)])
    y = g.node("MaxPool", [y], kernel_shape=[2, 2], strides=[2, 2])
    y = g.node("Relu", [g.conv(y, 8, 8, 3)])
    return g.node("Softmax", [g.dense(g.node("Flatten", [y]), 128, 10)])


def _residual(g):
    a = g.node("Relu", [g.conv("x", 8, 3, 3, pads=[1] * 4)])
    b = g.conv(a, 8, 8, 3, pads=[1] * 4)
    y = g.node("Relu", [g.node("Add", [a, b])])
    y = g.node("GlobalAveragePool", [y])
    return g.dense(g.node("Reshape", [y, g.constant(np.array([1, -1], np.int64))]), 8, 10)


def _mobile(g):
    y = g.node("HardSwish", [g.conv("x", 8, 3, 3, strides=[2, 2], pads=[1] * 4)])
    y = g.node("Clip", [g.conv(y, 8, 8, 3, group=8, pads=[1] * 4), *_six(g)])
    y = g.conv(y, 12, 8, 1)
    y = g.node("Mul", [y, g.node("Sigmoid", [y])])
    return g.dense(g.node("Flatten", [g.node("AveragePool", [y], kernel_shape=[6, 6])]), 12, 5)


def _six(g):
    return [g.constant(np.float32(0)), g.constant(np.float32(6))]


def _joined(g):
    a, b = g.conv("x", 4, 3, 1), g.conv("x", 6, 3, 3, pads=[1] * 4)
    y = g.node("Concat", [g.node("LeakyRelu", [a], alpha=0.1), g.node("Tanh", [b])], axis=1)
    y = g.node("Transpose", [g.node("ReduceMean", [y], axes=[2], keepdims=0)], perm=[0, 2, 1])
    w = g.constant(g.rng.normal(size=(10, 4)).astype(np.float32))
    return g.node("Add", [g.node("MatMul", [y, w]), g.constant(np.ones(4, np.float32))])


class _Reader(CalibrationDataReader):
    def __init__(self):
        rng = np.random.default_rng(3)
        self.samples = iter([{"x": rng.normal(size=INPUT).astype(np.float32) * 2} for _ in range(8)])

    def get_next(self):
        return next(self.samples, None)


@pytest.mark.parametrize("per_channel", [False, True])
@pytest.mark.parametrize("activations", [QuantType.QInt8, QuantType.QUInt8], ids=["int8", "uint8"])
@pytest.mark.parametrize("build", [_plain, _residual, _mobile, _joined])
def test_model(build, activations, per_channel, tmp_path):
    logging.disable(logging.WARNING)
    g = _Floats()
    source, target = tmp_path / "float.onnx", tmp_path / "int8.onnx"
    onnx.save(g.model(build(g)), source)
    quantize_static(
        source,
        target,
        _Reader(),
        quant_format=QuantFormat.QDQ,
        per_channel=per_channel,
        activation_type=activations,
        weight_type=QuantType.QInt8,
        extra_options={"WeightSymmetric": True},
    )
    program = check(onnx.load(target), bound=3, runs=6)
    assert program.nodes[0].op.kind == "quantize" and program.nodes[-1].op.kind == "dequantize"
    assert not any(n.op.kind in ("transpose", "reinterpret") for n in program.nodes)


@pytest.mark.parametrize("symmetric", [True, False])
def test_weights_in_uint8(symmetric, tmp_path):
    """uint8 weights work where their zero point lets them; else the refusal says what to change."""
    from edgewright.errors import ModelError

    logging.disable(logging.WARNING)
    g = _Floats()
    source, target = tmp_path / "float.onnx", tmp_path / "int8.onnx"
    y = g.conv("x", 4, 3, 3)
    if not symmetric:
        positive = np.abs(numpy_helper.to_array(g.initializers[0]))
        g.initializers[0].CopyFrom(numpy_helper.from_array(positive, "c0"))
    onnx.save(g.model(y), source)
    options = {"WeightSymmetric": symmetric}
    types = {"activation_type": QuantType.QUInt8, "weight_type": QuantType.QUInt8}
    quantize_static(source, target, _Reader(), quant_format=QuantFormat.QDQ, extra_options=options, **types)
    if symmetric:
        check(onnx.load(target))
        return
    with pytest.raises(ModelError) as caught:
        check(onnx.load(target))
    assert caught.value.code == "EW-WEIGHT-ASYMMETRIC" and "symmetric" in caught.value.hint
