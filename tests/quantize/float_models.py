"""Builds small float ONNX models, and runs float and quantized ones."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import onnx
import onnx_ir as ir
from onnx import TensorProto, helper, numpy_helper

from edgewright.converter.importers import ImportedModel, load_model
from edgewright.converter.lower import lower
from edgewright.converter.rewrites import rewrite
from edgewright.quantize.calibrate.running import Runner

IMAGE = (1, 3, 8, 8)


class Floats:
    """A float graph under construction; methods take and return tensor names.

    Args:
        shape: Of the input "x".
        seed: Of the weights.
    """

    def __init__(self, shape=IMAGE, seed=0):
        self.shape = shape
        self.rng = np.random.default_rng(seed)
        self.nodes, self.initializers = [], []
        self._count = 0

    def name(self, stem):
        self._count += 1
        return f"{stem}{self._count}"

    def constant(self, values, dtype=np.float32):
        name = self.name("c")
        self.initializers.append(numpy_helper.from_array(np.asarray(values, dtype), name))
        return name

    def node(self, op, inputs, outputs=None, **attributes):
        """One node; its name is `node_` and its first output's."""
        names = outputs or [self.name(op.lower())]
        self.nodes.append(helper.make_node(op, inputs, names, name=f"node_{names[0]}", **attributes))
        return names[0]

    def conv(self, x, outputs, inputs, kernel=3, bias=True, gain=1.0, **attributes):
        depth = inputs // attributes.get("group", 1)
        w = gain * self.rng.normal(size=(outputs, depth, kernel, kernel)) / np.sqrt(depth * kernel * kernel)
        constants = [self.constant(w)]
        if bias:
            constants.append(self.constant(0.2 * self.rng.normal(size=outputs)))
        return self.node("Conv", [x, *constants], **attributes)

    def gemm(self, x, inputs, outputs, **attributes):
        w = self.rng.normal(size=(inputs, outputs)) / np.sqrt(inputs)
        return self.node(
            "Gemm", [x, self.constant(w), self.constant(0.2 * self.rng.normal(size=outputs))], **attributes
        )

    def norm(self, x, channels):
        """BatchNormalization with random statistics."""
        parameters = (
            self.rng.uniform(0.5, 1.5, channels),
            self.rng.normal(size=channels),
            0.3 * self.rng.normal(size=channels),
            self.rng.uniform(0.5, 2, channels),
        )
        return self.node("BatchNormalization", [x, *(self.constant(p) for p in parameters)])

    def model(self, *outputs, opset=17):
        """The model with these outputs, imported."""
        graph = helper.make_graph(
            self.nodes,
            "float",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, self.shape)],
            [helper.make_tensor_value_info(y, TensorProto.FLOAT, None) for y in outputs],
            self.initializers,
        )
        made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
        return imported(onnx.shape_inference.infer_shapes(made))

    def samples(self, count=16, seed=1):
        rng = np.random.default_rng(seed)
        return [{"x": rng.normal(size=self.shape).astype(np.float32)} for _ in range(count)]


def imported(proto: onnx.ModelProto) -> ImportedModel:
    """A model as `load_model` gives it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "float_net.onnx"
        onnx.save(proto, path)
        return load_model(path)


def program_of(model: ir.Model):
    """The rewritten program of a quantized model."""
    return rewrite(lower(imported(ir.to_proto(model))))


def run(model: ir.Model, samples):
    """First output for each sample, stacked."""
    runner = Runner(model)
    return np.stack([next(iter(runner.run(s).values())) for s in samples])


def run_program(program, samples):
    """First output of a program for each sample, stacked."""
    return np.stack([program.run(s)[program.outputs[0].name] for s in samples])


def sqnr(found, wanted):
    """Signal-to-noise ratio in decibels."""
    noise = np.sum((np.asarray(found, np.float64) - wanted) ** 2)
    return 10 * np.log10(np.sum(np.asarray(wanted, np.float64) ** 2) / max(noise, 1e-30))


# Small nets of every shape of graph: name -> function that builds it.


def plain(g):
    y = g.node("Relu", [g.conv("x", 8, 3, pads=[1] * 4)])
    y = g.node("MaxPool", [y], kernel_shape=[2, 2], strides=[2, 2])
    y = g.node("Relu", [g.conv(y, 8, 8)])
    return g.node("Softmax", [g.gemm(g.node("Flatten", [y]), 32, 5)])


def residual(g):
    a = g.node("Relu", [g.conv("x", 8, 3, pads=[1] * 4)])
    b = g.norm(g.conv(a, 8, 8, pads=[1] * 4, bias=False), 8)
    y = g.node("Relu", [g.node("Add", [a, b])])
    y = g.node("GlobalAveragePool", [y])
    return g.gemm(g.node("Reshape", [y, g.constant([1, -1], np.int64)]), 8, 5)


def mobile(g):
    y = g.node("HardSwish", [g.conv("x", 8, 3, strides=[2, 2], pads=[1] * 4)])
    y = g.node("Clip", [g.conv(y, 8, 8, group=8, pads=[1] * 4), g.constant(0.0), g.constant(6.0)])
    y = g.conv(y, 12, 8, kernel=1)
    y = g.node("ReduceMean", [y], axes=[2, 3], keepdims=0)
    return g.node("Sigmoid", [g.gemm(y, 12, 4)])


def swish(g):
    y = g.conv("x", 8, 3)
    y = g.node("Mul", [y, g.node("Sigmoid", [y])])
    y = g.node("AveragePool", [y], kernel_shape=[2, 2], strides=[2, 2])
    y = g.conv(y, 4, 8, kernel=1)
    return g.node("Tanh", [y])


def branches(g):
    a = g.node("Relu", [g.conv("x", 4, 3, kernel=1)])
    b = g.node("Relu", [g.conv("x", 4, 3, pads=[1] * 4)])
    y = g.node("Concat", [a, b], axis=1)
    y = g.node("Pad", [y, g.constant([0, 0, 1, 1, 0, 0, 1, 1], np.int64)])
    y = g.node("Transpose", [g.conv(y, 6, 8)], perm=[0, 2, 3, 1])
    return g.node("Softmax", [y])


def sequence(g):
    y = g.node("Reshape", ["x", g.constant([1, 8, 24], np.int64)])
    y = g.node("MatMul", [y, g.constant(g.rng.normal(size=(24, 16)) / 5)])
    y = g.node("Relu", [g.node("Add", [y, g.constant(g.rng.normal(size=16))])])
    y = g.node("MatMul", [y, g.constant(g.rng.normal(size=(16, 6)) / 4)])
    scaled = g.node("Mul", [y, g.constant(0.5)])
    return g.node("Softmax", [scaled])


def gated(g):
    a = g.conv("x", 4, 3)
    gate = g.node("Sigmoid", [g.conv("x", 4, 3)])
    y = g.node("Mul", [a, gate])
    y = g.node("Mul", [y, g.constant(g.rng.uniform(0.5, 2, (1, 4, 1, 1)))])
    return g.conv(y, 2, 4, kernel=1)


def spelled(g):
    """HardSwish from its parts, and a softmax of a multiple."""
    y = g.conv("x", 6, 3)
    inner = g.node("Clip", [g.node("Add", [y, g.constant(3.0)]), g.constant(0.0), g.constant(6.0)])
    y = g.node("Div", [g.node("Mul", [y, inner]), g.constant(6.0)])
    y = g.node("MaxPool", [y], kernel_shape=[2, 2], strides=[2, 2])
    scaled = g.node("Mul", [g.node("Relu", [y]), g.constant(2.0)])
    return g.node("Softmax", [g.node("Mul", [g.node("Flatten", [y]), g.constant(0.5)])], axis=1), scaled


def squeeze(g):
    """Squeeze and excitation, as MobileNetV3 has it."""
    y = g.node("HardSwish", [g.conv("x", 8, 3, pads=[1] * 4)])
    s = g.node("Relu", [g.conv(g.node("GlobalAveragePool", [y]), 4, 8, kernel=1)])
    s = g.node("HardSigmoid", [g.conv(s, 8, 4, kernel=1)], alpha=1 / 6, beta=0.5)
    y = g.conv(g.node("Mul", [y, s]), 6, 8, kernel=1)
    return g.gemm(g.node("Flatten", [g.node("GlobalMaxPool", [y])]), 6, 4)


NETS = {f.__name__: f for f in (plain, residual, mobile, swish, branches, sequence, gated, spelled, squeeze)}


def net(name, seed=0):
    """(builder with samples, imported model)."""
    g = Floats(seed=seed)
    outputs = NETS[name](g)
    return g, g.model(*([outputs] if isinstance(outputs, str) else outputs))
