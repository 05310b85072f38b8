"""Random float nets made int8: deployable, the same for the same seed, close to the float net."""

from __future__ import annotations

from collections import Counter

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from benchmarks.memory_nets.cache import quantized
from benchmarks.memory_nets.nets import NETS, find_nets, int8_file
from benchmarks.memory_nets.quantize import SAMPLES, quantize, random_inputs
from edgewright.converter.importers import load_model
from edgewright.converter.lower import lower
from edgewright.converter.rewrites import rewrite
from edgewright.errors import UsageError
from edgewright.targets.build import load_program_of
from tests.shared import shared_path

# Multiply-accumulates of the published nets, in millions.
MMACS = {"mcunet-vww1": 11.58, "mbv2-w0.35@144": 23.50, "mcunet-in3": 81.79, "mbv2-1.0@224": 300.77}


def float_net(path, height="13"):
    """Conv, BatchNormalization, Relu6; Pad, depthwise, Relu6; 1x1; residual; mean; fully connected."""
    rng = np.random.default_rng(7)
    tensors = {
        "w1": rng.normal(size=(8, 3, 3, 3)) / 3,
        "gamma": rng.uniform(2, 5, 8),
        "beta": rng.normal(size=8),
        "mean": rng.normal(size=8) / 4,
        "var": rng.uniform(0.5, 2, 8),
        "w2": rng.normal(size=(8, 1, 3, 3)),
        "b2": rng.normal(size=8),
        "w3": rng.normal(size=(8, 8, 1, 1)) / 2,
        "b3": rng.normal(size=8),
        "w4": rng.normal(size=(5, 8)),
        "b4": rng.normal(size=5),
        "zero": np.array(0.0),
        "six": np.array(6.0),
    }
    model = onnx.parser.parse_model(
        f"""<ir_version: 7, opset_import: ["": 13]>
        net (float[1,3,{height},12] x) => (float[1,5] y) {{
            c1 = Conv <pads=[1,1,0,0], strides=[2,2]> (x, w1)
            n1 = BatchNormalization (c1, gamma, beta, mean, var)
            r1 = Clip (n1, zero, six)
            p = Pad (r1, widths)
            c2 = Conv <group=8> (p, w2, b2)
            r2 = Clip (c2, zero, six)
            c3 = Conv (r2, w3, b3)
            a = Add (r1, c3)
            g = ReduceMean <axes=[2,3]> (a)
            f = Flatten (g)
            y = Gemm <transB=1> (f, w4, b4)
        }}"""
    )
    model.graph.initializer.extend(
        numpy_helper.from_array(data.astype(np.float32), name) for name, data in tensors.items()
    )
    widths = np.array([0, 0, 1, 1, 0, 0, 1, 1], np.int64)
    model.graph.initializer.append(numpy_helper.from_array(widths, "widths"))
    onnx.save(model, path)
    return path


@pytest.fixture
def net(tmp_path):
    return float_net(tmp_path / "net.onnx")


def test_quantized_net_is_deployable_with_int8_ports(net, tmp_path):
    program = load_program_of(quantized(net, folder=tmp_path / "cache"))
    assert Counter(n.op.kind for n in program.nodes) == {"conv": 2, "dw": 1, "add": 1, "mean": 1, "fc": 1}
    (source,), (result,) = program.inputs, program.outputs
    assert (source.name, result.name) == ("x", "y") and source.source_shape == (1, 3, 13, 12)
    assert {program.values[p.value].dtype for p in (source, result)} == {"int8"}
    for node in program.nodes:
        if node.op.kind in ("conv", "dw"):
            assert len(np.unique(node.op.requantize.multiplier)) == 8


def test_equal_seeds_give_equal_nets(net):
    first, again, other = quantize(net, seed=3), quantize(net, seed=3), quantize(net, seed=4)
    assert first.SerializeToString(deterministic=True) == again.SerializeToString(deterministic=True)
    assert first.SerializeToString(deterministic=True) != other.SerializeToString(deterministic=True)


def test_net_is_close_to_the_float_net(net, tmp_path):
    program = load_program_of(quantized(net, folder=tmp_path / "cache"))
    (source,), (result,) = program.inputs, program.outputs
    x, y = program.values[source.value], program.values[result.value]
    session = onnxruntime.InferenceSession(str(net))
    exact, ours, layers = [], [], []
    for feed in random_inputs(onnx.load(net), seed=0, count=SAMPLES):
        stored = np.clip(np.rint(feed["x"] / np.float32(x.scale)) + x.zero_point, -128, 127)
        values = program.run({"x": stored.astype(np.int8)}, keep_all=True)
        ours.append(np.float32(y.scale) * (values[result.value].reshape(-1).astype(np.int32) - y.zero_point))
        exact.append(session.run(None, feed)[0].reshape(-1))
        layers.append([values[node.output] for node in program.nodes])
    # Six layers, each with an error of up to half a step of its range / 255.
    assert np.abs(np.array(ours) - np.array(exact)).max() < 0.02 * np.ptp(exact)
    # Neither dead nor saturated.
    for outputs in zip(*layers, strict=True):
        assert np.ptp(np.stack(outputs).astype(np.int32)) > 200
        assert np.mean(np.stack(outputs) == 127) < 0.25


def hwc(array):
    """ONNX layout, (1, C, H, W) or (1, N), as the program's (rows, columns, channels)."""
    return array[0].transpose(1, 2, 0) if array.ndim == 4 else array.reshape(1, 1, -1)


def test_every_layer_is_onnxruntimes(net, tmp_path):
    """Each layer on onnxruntime's inputs: fixed point against its float arithmetic, off by one at ties."""
    path = quantized(net, folder=tmp_path / "cache")
    model, program = onnx.load(path), load_program_of(path)
    names = [n.output[0] for n in model.graph.node if n.op_type == "QuantizeLinear"]
    ports = {o.name for o in model.graph.output}
    model.graph.output.extend(onnx.ValueInfoProto(name=n) for n in names if n not in ports)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(model.SerializeToString(), options)
    x = np.random.default_rng(0).integers(-128, 128, (1, 3, 13, 12), np.int8)
    stored = zip(names, session.run(names, {"x": x}), strict=True)
    theirs = {name: hwc(array) for name, array in (*stored, ("x", x))}
    for node in program.nodes:
        ours = node.op.golden(*(theirs[i] for i in node.inputs))
        difference = np.abs(ours.astype(np.int32) - theirs[node.output])
        assert difference.max() <= 1 and np.mean(difference != 0) < 0.02, node.name


def test_cache_makes_a_net_once(net, tmp_path, monkeypatch):
    folder = tmp_path / "cache"
    path = quantized(net, folder=folder)
    assert path.name == net.name and list(folder.rglob("*.onnx")) == [path]
    monkeypatch.setattr("benchmarks.memory_nets.cache.quantize", None)
    assert quantized(net, folder=folder) == path
    monkeypatch.undo()
    assert quantized(net, seed=1, folder=folder) != path
    changed = onnx.load(net)
    changed.graph.initializer[0].raw_data = b"\x00" * len(changed.graph.initializer[0].raw_data)
    onnx.save(changed, net)
    assert quantized(net, folder=folder).parent != path.parent
    assert len(list(folder.rglob("*.onnx"))) == 3


def test_symbolic_shapes_and_integer_inputs_are_refused(tmp_path):
    with pytest.raises(UsageError, match=r"input 'x' is FLOAT \[1, 3, 0, 12\]") as caught:
        quantize(float_net(tmp_path / "symbolic.onnx", height="H"))
    assert caught.value.code == "EW-BENCH-SHAPE"
    graph = helper.make_graph(
        [helper.make_node("Neg", ["x"], ["y"])],
        "neg",
        [helper.make_tensor_value_info("x", TensorProto.INT8, [1, 4])],
        [helper.make_tensor_value_info("y", TensorProto.INT8, [1, 4])],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)]), tmp_path / "i.onnx")
    with pytest.raises(UsageError, match=r"input 'x' is INT8 \[1, 4\]"):
        quantize(tmp_path / "i.onnx")


@pytest.mark.parametrize("key", MMACS)
def test_published_nets_are_deployable(key):
    shared_path("models/memory_nets")
    (net,) = (n for n in NETS if n.key == key)
    # As published: rewrites find something to save.
    program = lower(load_model(int8_file(find_nets([net], None)[key])))
    assert round(program.macs / 1e6, 2) == MMACS[key]
    program = rewrite(program)
    assert {n.op.kind for n in program.nodes} == {"conv", "dw", "add", "mean", "fc"}
