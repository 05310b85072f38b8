"""Binary layers in ONNX graphs without training: values, choices, refusals, clamps between binary layers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnx_ir as ir
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from edgewright.converter.importers import ImportedModel, load_model
from edgewright.converter.importers.onnx_format.read_onnx import read_onnx
from edgewright.converter.lower import lower
from edgewright.errors import UsageError
from edgewright.quantize.binary.binarize_weights import binarize_weights
from edgewright.quantize.binary.bits_through_clamps import ALWAYS, bits_through_clamps, clamped_shift
from edgewright.quantize.binary.onnx_layer import AUTO, choose_layers, to_onnx
from edgewright.quantize.layers import find_layers
from edgewright.quantize.prepare import prepare
from edgewright.quantize.quantize_model import quantize_model
from edgewright.quantize.tensor_plan import plan_tensors

RNG = np.random.default_rng(3)


def f32(*shape):
    return RNG.standard_normal(shape).astype(np.float32)


def model_file(folder: Path, between: str = "Tanh") -> Path:
    """conv 1, a function, conv 2 (strided, with dilation), a function, depthwise conv 3, two dense layers."""
    constants = {
        **{"w1": f32(6, 2, 3, 3), "w2": f32(8, 6, 3, 2), "b2": f32(8), "w3": f32(8, 1, 3, 3)},
        **{"w4": f32(8 * 12, 10), "b4": f32(10), "w5": f32(3, 10), "flat": np.array([1, -1], np.int64)},
    }
    nodes = [
        helper.make_node("Conv", ["x", "w1"], ["c1"], name="conv1", pads=[1, 1, 1, 1]),
        helper.make_node(between, ["c1"], ["a1"], name="act1"),
        helper.make_node(
            *("Conv", ["a1", "w2", "b2"], ["c2"]),
            **{"name": "conv2", "pads": [2, 1, 1, 0], "strides": [2, 2], "dilations": [2, 1]},
        ),
        helper.make_node("Conv", ["c2", "w3"], ["c3"], name="conv3", pads=[1, 1, 1, 1], group=8),
        helper.make_node("Reshape", ["c3", "flat"], ["f"], name="flatten"),
        helper.make_node("MatMul", ["f", "w4"], ["m4"], name="dense4"),
        helper.make_node("Add", ["m4", "b4"], ["d4"], name="bias4"),
        helper.make_node("Gemm", ["d4", "w5"], ["y"], name="dense5", transB=1),
    ]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 2, 6, 8])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 3])],
        [numpy_helper.from_array(v, k) for k, v in constants.items()],
    )
    path = folder / "m.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10), path)
    return path


def run(model: bytes | ir.Model, outputs, x):
    proto = onnx.load_from_string(model if isinstance(model, bytes) else to_onnx(model))
    del proto.graph.output[:]
    proto.graph.output.extend(onnx.ValueInfoProto(name=n) for n in outputs)
    return onnxruntime.InferenceSession(proto.SerializeToString()).run(None, {"x": x})


def signs(v):
    return np.where(v >= 0, 1, -1).astype(np.float32)


def test_auto_leaves_out_first_last_and_depthwise(tmp_path):
    graph = prepare(load_model(model_file(tmp_path))).graph
    assert [x.name for x in choose_layers(graph, [AUTO])] == ["conv2", "dense4"]
    assert [x.name for x in choose_layers(graph, [AUTO], all_layers=True)] == [
        *("conv1", "conv2", "dense4", "dense5"),
    ]
    assert [x.name for x in choose_layers(graph, ["dense5", "conv1"])] == ["conv1", "dense5"]


@pytest.mark.parametrize(
    ("names", "code", "word"),
    [
        (["conv9"], "EW-BINARY-LAYER", "conv9"),
        (["conv3"], "EW-BINARY-LAYER", "8 groups"),
        ([], "EW-BINARY-NONE", "none"),
    ],
)
def test_layers_that_cannot_be_binary(tmp_path, names, code, word):
    graph = prepare(load_model(model_file(tmp_path))).graph
    with pytest.raises(UsageError, match=word) as caught:
        choose_layers(graph, names)
    assert caught.value.code == code


@pytest.mark.parametrize("method", ["xnor_net", "dorefa"])
def test_weights_keep_signs_and_the_scale_that_minimizes_the_error(tmp_path, method):
    imported = load_model(model_file(tmp_path))
    model = prepare(imported)
    floating = prepare(imported)
    conv, dense = (layer for layer in find_layers(floating.graph) if layer.name in ("conv2", "dense4"))
    found = binarize_weights(model, [AUTO], method=method)
    assert [x.name for x in found] == ["conv2", "dense4"]
    x = f32(1, 2, 6, 8)
    a1, c2, f, d4 = run(to_onnx(model), ["a1", "c2", "f", "d4"], x)
    w2 = conv.weights()
    alpha = np.abs(w2).mean(axis=(1, 2, 3))
    padded = np.pad(signs(a1), ((0, 0), (0, 0), (2, 1), (1, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (5, 2), axis=(2, 3))[0, :, ::2, ::2, ::2]
    sums = np.einsum("chwij,ocij->ohw", windows, signs(w2))[None]
    factor = np.abs(a1).mean() if method == "xnor_net" else 1.0
    wanted = sums * alpha[:, None, None] * factor + conv.bias_data()[:, None, None]
    np.testing.assert_allclose(c2, wanted, rtol=1e-5, atol=1e-5)
    w4, b4 = dense.rows().T, dense.bias_data()
    factor = np.abs(f).mean() if method == "xnor_net" else 1.0
    vector = signs(f) @ signs(w4) * np.abs(w4).mean(axis=0) * factor + b4
    np.testing.assert_allclose(d4, vector, rtol=1e-5, atol=1e-5)
    assert found[0].relative_error == pytest.approx(
        np.linalg.norm(w2 - alpha[:, None, None, None] * signs(w2)) / np.linalg.norm(w2), rel=1e-5
    )


def test_inputs_that_are_never_negative_are_pointed_out(tmp_path):
    model = prepare(load_model(model_file(tmp_path, between="Relu")))
    first, second = binarize_weights(model, [AUTO])
    assert "Relu" in first.note and second.note == ""


def test_algorithms_with_trained_parameters_need_training(tmp_path):
    model = prepare(load_model(model_file(tmp_path)))
    with pytest.raises(UsageError, match="ReActNet") as caught:
        binarize_weights(model, [AUTO], method="react_net")
    assert caught.value.code == "EW-BINARY-UNTRAINED"


def test_sign_of_a_clamp_is_a_shift():
    y = np.linspace(-3, 9, 241).astype(np.float32)
    for low, high in ((0.0, np.inf), (0.0, 6.0), (-1.0, 1.0), (-np.inf, 2.0)):
        for shift in (-7.0, -6.0, -3.3, -1.0, -0.5, 0.0, 0.7, 1.0, 5.0):
            moved = clamped_shift(np.array([shift], np.float32), low, high)[0]
            wanted = np.clip(y, low, high) + np.float32(shift) >= 0
            np.testing.assert_array_equal(y + moved >= 0, wanted, err_msg=f"{low} {high} {shift}")
    assert clamped_shift(np.float32(0), 0, np.inf) == np.float32(ALWAYS)


@pytest.mark.parametrize("clamp", ["Relu", "Clip"])
def test_a_clamp_between_binary_layers_goes_into_the_shift(clamp):
    model = chain(clamp)
    x = f32(1, 3, 6, 6)
    (before,) = run(model, ["y"], x)
    loaded, _ = read_onnx(model, Path(), {})
    assert bits_through_clamps(loaded.graph) == 1
    assert [n.op_type for n in loaded.graph] == ["BinaryConv", "BinaryConv"]
    (after,) = run(loaded, ["y"], x)
    np.testing.assert_array_equal(before, after)
    assert len(np.unique(before)) > 10


def test_a_clamp_that_others_read_stays():
    loaded, _ = read_onnx(chain("Relu", extra_output=True), Path(), {})
    assert bits_through_clamps(loaded.graph) == 0


def test_a_chain_passes_packed_bits_on_the_device():
    """Quantized and lowered, no int8 value lies between the two binary layers."""
    loaded, _ = read_onnx(chain("Relu"), Path(), {})
    bits_through_clamps(loaded.graph)
    imported = ImportedModel("m", "", "onnx", read_onnx(to_onnx(with_layers(loaded)), Path(), {})[0])
    samples = [{"x": f32(1, 3, 6, 6)} for _ in range(4)]
    quantized = quantize_model(imported, samples)
    model, _ = read_onnx(ir.to_proto(quantized.model).SerializeToString(), Path(), {})
    program = lower(ImportedModel("m", "", "onnx", model))
    kinds = [n.op.kind for n in program.nodes]
    first = kinds.index("binary_conv")
    assert kinds[first - 1 : first + 2] == ["binarize", "binary_conv", "binary_conv"]
    assert program.values[program.nodes[first].output].dtype == "uint32"


@pytest.mark.parametrize(
    ("function", "reads", "passed"),
    [("BinaryConv", "x", True), ("BinaryConvMean", "x", False), ("BinaryConv", "add", False)],
)
def test_what_is_read_for_more_than_its_signs_is_stored(function, reads, passed):
    """A result that a sum or a mean of magnitudes reads as well gets a quantization of its own."""
    loaded, _ = read_onnx(chain("Relu"), Path(), {})
    bits_through_clamps(loaded.graph)
    second = list(loaded.graph)[1]
    second.op_type = function
    if reads == "add":
        first = next(iter(loaded.graph)).outputs[0]
        added = ir.Value(name="sum", shape=first.shape, type=first.type)
        loaded.graph.append(ir.node("Add", [first, first], outputs=[added], name="addition"))
        loaded.graph.outputs.append(added)
    plan = plan_tensors(loaded.graph)
    stored = {v.name for group in plan.groups for v in group.members}
    assert plan.float_nodes == [] and ("v" not in stored) == passed and {"x", "y"} <= stored


def chain(clamp: str, extra_output: bool = False) -> bytes:
    """Two binary convolutions with a clamp between them."""
    from edgewright.converter import binary_functions as functions

    constants = {
        **{"s1": f32(1, 3, 1, 1), "w1": signs(f32(40, 3, 3, 3)).astype(np.int8)},
        **{"a1": f32(1, 40, 1, 1), "b1": 4 * f32(1, 40, 1, 1)},
        **{"s2": 4 * f32(1, 40, 1, 1), "w2": signs(f32(5, 40, 3, 3)).astype(np.int8)},
        **{"a2": f32(1, 5, 1, 1), "b2": f32(1, 5, 1, 1), "low": np.float32(0), "high": np.float32(6)},
    }
    bounds = ["low", "high"] if clamp == "Clip" else []
    first = functions.binary_conv(["x", "s1", "w1", "a1", "b1"], "v", name="one", pads=[1, 1, 1, 1])
    second = functions.binary_conv(["r", "s2", "w2", "a2", "b2"], "y", name="two", pads=[1, 1, 1, 1])
    outputs = ["y", "r"] if extra_output else ["y"]
    shapes = {"y": [1, 5, 6, 6], "r": [1, 40, 6, 6]}
    graph = helper.make_graph(
        [first, helper.make_node(clamp, ["v", *bounds], ["r"], name="clamp"), second],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 6, 6])],
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, shapes[n]) for n in outputs],
        [
            numpy_helper.from_array(np.asarray(v), k)
            for k, v in constants.items()
            if bounds or k not in ("low", "high")
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    functions.add_functions(model)
    return model.SerializeToString()


def with_layers(model: ir.Model) -> ir.Model:
    """A 1x1 convolution before and behind: quantization wants layers."""
    proto = onnx.load_from_string(to_onnx(model))
    for node in proto.graph.node:
        node.input[0] = "x0" if node.input[0] == "x" else node.input[0]
        node.output[0] = "y0" if node.output[0] == "y" else node.output[0]
    before = helper.make_node("Conv", ["x", "wa"], ["x0"], name="before")
    after = helper.make_node("Conv", ["y0", "wb"], ["y"], name="after")
    proto.graph.node.insert(0, before)
    proto.graph.node.append(after)
    for name, shape in (("wa", (3, 3, 1, 1)), ("wb", (5, 5, 1, 1))):
        proto.graph.initializer.append(numpy_helper.from_array(f32(*shape), name))
    del proto.graph.value_info[:]
    return ir.from_proto(proto)
