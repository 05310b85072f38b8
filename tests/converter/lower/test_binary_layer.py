"""Binary layers: the integer program against onnxruntime running the bodies of the functions."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import helper, numpy_helper

from edgewright.converter import binary_functions
from edgewright.converter.importers import load_model
from edgewright.converter.importers.save_onnx import save_onnx
from edgewright.converter.lower import check_model, lower
from edgewright.converter.ops.binary_conv import BinaryConv2D
from edgewright.errors import ModelError
from tests.converter.lower.binary_nets import Net


def _reference(model: onnx.ModelProto, x):
    # Optimizations would multiply the scale into the weights, and round differently.
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(model.SerializeToString(), options)
    return session.run(None, {"x": x})[0]


def _lowered(model: onnx.ModelProto, folder: Path):
    path = folder / "m.onnx"
    path.write_bytes(model.SerializeToString())
    return lower(load_model(path))


def _compare(model, folder, rng, shape, step: float, tolerance: int, cases: int = 4):
    program = _lowered(model, folder)
    (port,) = program.outputs
    for _ in range(cases):
        x = rng.normal(size=shape).astype(np.float32) * 3
        ours = program.run({"x": x})[port.name]
        assert np.abs(_reference(model, x) - ours).max() <= tolerance * step * 1.001
        assert np.unique(ours).size > 3
    return program


GEOMETRY = [
    {"pads": (1, 1, 1, 1), "pad_value": 0.0},
    {"pads": (1, 1, 1, 1), "pad_value": 1.0},
    {"pads": (0, 2, 1, 0), "pad_value": -1.0, "strides": (2, 1)},
    {"kernel": (1, 1)},
    {"kernel": (2, 3), "dilations": (2, 1), "pads": (2, 1, 2, 1), "pad_value": 0.0},
]


@pytest.mark.parametrize(("channels", "geometry"), list(itertools.product((1, 32, 37), GEOMETRY)))
def test_chain_of_two_layers(tmp_path: Path, channels: int, geometry: dict):
    net = Net((1, channels, 9, 8), seed=channels)
    net.conv(35, **geometry)
    net.conv(6, kernel=(1, 1))
    output = net.quantized(net.value, 0.4, -3)
    model = net.model(output, (1, channels, 9, 8))
    # Scale and bias of the last layer in integers may round to the other neighbour.
    program = _compare(model, tmp_path, net.rng, (1, channels, 9, 8), 0.4, 1)
    kinds = [n.op.kind for n in program.nodes]
    assert kinds == ["quantize", "binarize", "binary_conv", "binary_conv", "dequantize"]
    assert program.values[program.nodes[2].output].dtype == "uint32"


def test_thresholds_are_those_of_float_arithmetic(tmp_path: Path):
    # A second layer of one weight and no bias shows the bits of the first one.
    for seed in range(6):
        net = Net((1, 16, 5, 5), seed)
        net.conv(48, pads=(1, 1, 1, 1))
        eye = np.where(np.eye(48), 1, -1).astype(np.int8).reshape(48, 48, 1, 1)
        inputs = [net.value, net.normal(1, 48, 1, 1), net.constant(eye)]
        inputs += [
            net.constant(np.ones((1, 48, 1, 1), np.float32)),
            net.constant(np.zeros((1, 48, 1, 1), np.float32)),
        ]
        net.nodes.append(binary_functions.binary_conv(inputs, "y", name="show"))
        output = net.quantized("y", 1.0, 0)
        model = net.model(output, (1, 16, 5, 5))
        _compare(model, tmp_path, net.rng, (1, 16, 5, 5), 1.0, 0)


@pytest.mark.parametrize("function", ["BinaryConvMean", "BinaryConvSpatial"])
@pytest.mark.parametrize("geometry", GEOMETRY[:3])
def test_scales_at_run_time(tmp_path: Path, function: str, geometry: dict):
    net = Net((1, 20, 9, 8), seed=3)
    rows = 9 if "strides" not in geometry else 4
    size = (rows, 8) if function == "BinaryConvSpatial" else None
    net.conv(7, function=function, size=size, **geometry)
    output = net.quantized(net.value, 0.7, 2)
    program = _compare(net.model(output, (1, 20, 9, 8)), tmp_path, net.rng, (1, 20, 9, 8), 0.7, 1)
    (conv,) = (n for n in program.nodes if isinstance(n.op, BinaryConv2D))
    assert len(conv.inputs) == 2


def test_gemm_chain(tmp_path: Path):
    net = Net((1, 70), seed=1)
    for inputs, outputs in ((70, 40), (40, 9)):
        names = [
            net.value,
            net.normal(1, inputs),
            net.signs(outputs, inputs),
            net.normal(1, outputs),
            net.normal(1, outputs),
        ]
        net.value = f"y{outputs}"
        net.nodes.append(binary_functions.binary_gemm(names, net.value, name=net.value))
    output = net.quantized(net.value, 0.3, 0)
    _compare(net.model(output, (1, 70)), tmp_path, net.rng, (1, 70), 0.3, 1)


def test_relu_is_fused_and_branches_share_the_signs(tmp_path: Path):
    net = Net((1, 8, 6, 6), seed=2)
    source = net.value
    shift = net.normal(1, 8, 1, 1)
    outputs = []
    for index in range(2):
        inputs = [source, shift, net.signs(8, 8, 1, 1), net.normal(1, 8, 1, 1), net.normal(1, 8, 1, 1)]
        net.nodes.append(binary_functions.binary_conv(inputs, f"b{index}", name=f"b{index}"))
        net.nodes.append(helper.make_node("Relu", [f"b{index}"], [f"r{index}"]))
        outputs.append(net.quantized(f"r{index}", 0.1, -128))
    net.nodes.append(helper.make_node("Add", outputs, ["sum"]))
    output = net.quantized("sum", 0.2, -128)
    program = _compare(net.model(output, (1, 8, 6, 6)), tmp_path, net.rng, (1, 8, 6, 6), 0.2, 1)
    assert [n.op.kind for n in program.nodes].count("binarize") == 1


def test_functions_survive_and_impostors_are_inlined(tmp_path: Path):
    net = Net((1, 4, 5, 5), seed=4)
    net.conv(4)
    model = net.model(net.quantized(net.value, 0.5, 0), (1, 4, 5, 5))
    (tmp_path / "m.onnx").write_bytes(model.SerializeToString())
    imported = load_model(tmp_path / "m.onnx")
    save_onnx(imported, tmp_path / "again.onnx")
    saved = onnx.load(tmp_path / "again.onnx")
    assert [binary_functions.is_known(f) for f in saved.functions] == [True]
    # The same name with another body means what the body says.
    model.functions[0].node[-1].op_type = "Sub"
    assert not binary_functions.is_known(model.functions[0])
    (tmp_path / "other.onnx").write_bytes(model.SerializeToString())
    nodes = {n.op_type for n in load_model(tmp_path / "other.onnx").model.graph}
    assert "Sub" in nodes and "BinaryConv" not in nodes


def _refusal(model: onnx.ModelProto, folder: Path) -> ModelError:
    with pytest.raises(ModelError) as caught:
        _lowered(model, folder)
    return caught.value


def test_refusals(tmp_path: Path):
    net = Net((1, 4, 5, 5), seed=4)
    net.conv(4)
    model = net.model(net.quantized(net.value, 0.5, 0), (1, 4, 5, 5))
    good = model.SerializeToString()

    def changed(change) -> onnx.ModelProto:
        copy = onnx.ModelProto.FromString(good)
        change(copy)
        return copy

    def weights(m):
        (node,) = (n for n in m.graph.node if n.domain)
        (tensor,) = (t for t in m.graph.initializer if t.name == node.input[2])
        tensor.CopyFrom(numpy_helper.from_array(np.zeros((4, 4, 3, 3), np.int8), tensor.name))

    def pads(m):
        (node,) = (n for n in m.graph.node if n.domain)
        (attribute,) = (a for a in node.attribute if a.name == "pads")
        attribute.ints[0] = -1

    def pad_value(m):
        (node,) = (n for n in m.graph.node if n.domain)
        (attribute,) = (a for a in node.attribute if a.name == "pad_value")
        attribute.f = 0.5

    def function(m):
        del m.functions[:]

    assert _refusal(changed(weights), tmp_path).code == "EW-MODEL-INVALID"
    assert _refusal(changed(pad_value), tmp_path).code == "EW-MODEL-INVALID"
    assert _refusal(changed(pads), tmp_path).code.startswith("EW-ONNX")
    assert _refusal(changed(function), tmp_path).code.startswith("EW-ONNX")


def test_a_run_time_scale_before_a_sign_needs_a_quantization(tmp_path: Path):
    net = Net((1, 4, 5, 5), seed=4)
    net.conv(4, function="BinaryConvMean")
    net.conv(4)
    path = tmp_path / "m.onnx"
    path.write_bytes(net.model(net.quantized(net.value, 0.5, 0), (1, 4, 5, 5)).SerializeToString())
    (problem,) = check_model(load_model(path))[:1]
    assert "scaled at run time" in problem.reason and "QuantizeLinear" in problem.hint
