"""What is refused: code, node, reason and hint; and that every problem of a model is collected."""

from __future__ import annotations

import time

import numpy as np
import onnx_ir as ir
import pytest
from onnx import TensorProto, helper

from edgewright.converter.lower import check_model, lower
from edgewright.errors import ModelError
from tests.converter.lower.qdq import Qdq, imported

IMAGE = (1, 3, 8, 8)


def _conv(g, x, outputs=4, inputs=3, size=3, **attributes):
    return g.node("Conv", [x, g.weights(g.rng.normal(size=(outputs, inputs, size, size)), 0)], **attributes)


def _ints(g, *values):
    return g.constant(values, np.int64)


def _batch(g):
    return _conv(g, g.input("x", (2, 3, 8, 8)))


def _volume(g):
    return g.node("Conv", [g.input("x", (1, 3, 4, 4, 4)), g.weights(g.rng.normal(size=(2, 3, 1, 1, 1)))])


def _float_weights(g):
    return g.node("Conv", [g.input("x", IMAGE), g.constant(np.ones((2, 3, 1, 1)), np.float32)])


def _batch_norm(g):
    parameters = [g.constant(np.ones(4), np.float32) for _ in range(4)]
    return g.node("BatchNormalization", [_conv(g, g.input("x", IMAGE)), *parameters])


def _asymmetric(g):
    stored = g.constant(np.full((4, 3, 3, 3), 255), np.uint8)
    w = g.node("DequantizeLinear", [stored, g.constant(np.float32(0.1)), g.constant(10, np.uint8)])
    return g.node("Conv", [g.input("x", IMAGE), w])


def _scales_along_inputs(g):
    return g.node("Gemm", [g.input("x", (1, 8)), g.weights(g.rng.normal(size=(8, 3)), 0)])


def _not_quantized_between(g):
    return g.node("HardSwish", [_conv(g, g.input("x", IMAGE))])


def _unquantized_residual(g):
    x = g.input("x", IMAGE)
    return g.node("Add", [_conv(g, x, outputs=3, size=1), x])


def _channels(g):
    return g.node("Resize", [g.input("x", IMAGE), "", g.constant([1, 2, 1, 1], np.float32)], mode="nearest")


def _one_hot(g):
    return g.node("Hardmax", [g.input("x", (1, 8))])


def _uneven_indices(g):
    return g.node("Gather", [g.input("x", (1, 8)), _ints(g, 0, 1, 3)], axis=1)


def _huge_bias(g):
    y = g.node("MatMul", [g.input("x", (1, 8)), g.weights(np.full((8, 2), 1e-3))])
    return g.node("Add", [y, g.constant([1e6, 0], np.float32)])


def _deep(g):
    return g.node("MatMul", [g.input("x", (1, 140_000)), g.weights(np.ones((140_000, 1)))])


def _scrambled(g):
    """Transposed twice through views that do not fit each other: no single transposition gives it."""
    y = g.input("x", (1, 6))
    for _ in range(2):
        y = g.node("Transpose", [g.node("Reshape", [y, _ints(g, 2, 3)])])
    return _conv(g, g.node("Reshape", [y, _ints(g, 1, 1, 2, 3)]), inputs=1, size=1)


CASES = {
    _one_hot: ("EW-OP-UNSUPPORTED", "operator Hardmax"),
    _batch: ("EW-OP-UNSUPPORTED", "batch of 2"),
    _volume: ("EW-OP-UNSUPPORTED", "rank 5"),
    _float_weights: ("EW-OP-UNSUPPORTED", "not quantized"),
    _batch_norm: ("EW-OP-UNSUPPORTED", "BatchNormalization"),
    _asymmetric: ("EW-WEIGHT-ASYMMETRIC", "zero point"),
    _scales_along_inputs: ("EW-OP-UNSUPPORTED", "8 scales along axis 0"),
    _not_quantized_between: ("EW-OP-UNSUPPORTED", "result of node Conv_"),
    _unquantized_residual: ("EW-OP-UNSUPPORTED", "not quantized"),
    _channels: ("EW-OP-UNSUPPORTED", "batch or channels"),
    _uneven_indices: ("EW-OP-UNSUPPORTED", "[0, 1, 3]"),
    _huge_bias: ("EW-OP-UNSUPPORTED", "more than int32"),
    _deep: ("EW-OP-UNSUPPORTED", "more than int32"),
    _scrambled: ("EW-OP-UNSUPPORTED", "no transposition"),
}


def _refusal(model):
    source = imported(model)
    problems = check_model(source)
    with pytest.raises(ModelError) as caught:
        lower(source)
    assert caught.value.exit_code == 4
    assert [p["reason"] for p in caught.value.details["problems"]] == [p.reason for p in problems]
    assert caught.value.code == problems[0].code
    return problems


@pytest.mark.parametrize("build", CASES, ids=lambda b: b.__name__)
def test_refused_node(build):
    g = Qdq()
    code, reason = CASES[build]
    y = build(g)
    problems = _refusal(g.model(g.quantized(y, 0.05, 3)))
    assert len(problems) == 1
    assert problems[0].code == code and reason in str(problems[0])
    assert problems[0].node.startswith(problems[0].op)


def test_all_problems_are_collected():
    """A refused node does not hide those after it, nor is what depends on it reported again."""
    g = Qdq()
    y = g.quantized(
        g.node("Resize", [g.input("x", IMAGE), "", g.constant([1, 2, 1, 1], np.float32)], mode="nearest")
    )
    y = g.quantized(_conv(g, y, inputs=6, pads=[1] * 4))
    y = g.node("Hardmax", [y])
    y = g.quantized(g.node("HardSwish", [y]))
    y = g.quantized(g.node("Gather", [y, _ints(g, 0, 1, 3)], axis=1))
    problems = _refusal(g.model(y))
    assert [p.op for p in problems] == ["Resize", "Hardmax", "Gather"]


def test_other_activation_types():
    g = Qdq()
    x = g.stored_input("x", (1, 8))
    x = g.dequantize(x, 0.05, 3)
    zero, scale = g.constant(np.zeros((), np.int16)), g.constant(np.float32(0.001))
    y = g.node("QuantizeLinear", [g.node("Relu", [x]), scale, zero])
    y = g.node("DequantizeLinear", [y, scale, zero])
    (problem,) = _refusal(g.model(g.quantized(y, 0.05, 3)))
    assert "int16" in problem.reason and "int8" in problem.hint


def test_activation_with_a_scale_per_channel():
    g = Qdq()
    x = g.stored_input("x", IMAGE)
    parameters = [g.constant([0.1, 0.2, 0.3], np.float32), g.constant([0, 0, 0], np.int8)]
    y = g.node("DequantizeLinear", [x, *parameters], axis=1)
    problems = _refusal(g.model(g.quantized(g.node("Relu", [y]), 0.05, 3)))
    assert "3 scales" in problems[0].reason and problems[0].op == "graph input"


def test_float_output():
    g = Qdq(io="float")
    y = g.node("Gemm", [g.input("x", (1, 8)), g.weights(g.rng.normal(size=(8, 3)))])
    (problem,) = _refusal(g.model(y, output_type="float32"))
    assert problem.op == "graph output" and "Gemm_" in problem.reason and "Quantize" in problem.hint


def test_input_that_is_not_quantized():
    g = Qdq(io="float")
    x = g.input("x", (1, 8))
    g.inputs.append(helper.make_tensor_value_info("raw", TensorProto.FLOAT, (1, 8)))
    y = g.quantized(g.node("Add", [x, "raw"]), 0.05, 3)
    (problem,) = _refusal(g.model(y))
    assert "raw is a float graph input" in problem.reason and "edgewright quantize" in problem.hint


def test_integer_input_of_unknown_scale():
    g = Qdq()
    y = g.node("Flatten", [g.stored_input("x", IMAGE)])
    other = g.quantized(g.node("Relu", [g.input("y", (1, 4))]), 0.05, 3)
    model = g.model(other)
    model.graph.node.append(helper.make_node("Identity", [y], ["same"], name="same"))
    model.graph.output.append(helper.make_tensor_value_info("same", TensorProto.INT8, (1, 192)))
    (problem,) = _refusal(model)
    assert problem.node == "x" and "never" not in problem.reason and "unknown" in problem.reason


@pytest.mark.parametrize("kind", [TensorProto.INT32, TensorProto.DOUBLE])
def test_input_type(kind):
    g = Qdq("uint8")
    g.inputs.append(helper.make_tensor_value_info("x", kind, (1, 8)))
    y = g.node("QuantizeLinear", [g.node("Cast", ["x"], to=TensorProto.FLOAT), g.constant(np.float32(1))])
    y = g.dequantize(y, 1.0, 0)
    problems = _refusal(g.model(y, output_type="float32"))
    assert problems[0].code == "EW-MODEL-TYPE" and problems[0].node == "x"


def test_two_quantizations_of_a_float_input():
    g = Qdq(io="float")
    g.inputs.append(helper.make_tensor_value_info("x", TensorProto.FLOAT, (1, 8)))
    a, b = g.quantized("x", 0.05, 3), g.quantized("x", 0.1, 0)
    source = imported(g.model(g.quantized(g.node("Add", [a, b]), 0.1, 0)))
    assert [n.op.kind for n in lower(source).nodes] == ["quantize", "quantize", "add", "dequantize"]
    with pytest.raises(ModelError) as caught:
        lower(source, io="int8")
    assert caught.value.code == "EW-IO-AMBIGUOUS"


def test_operator_form():
    g = Qdq()
    x = g.stored_input("x", IMAGE)
    scale, zero = g.constant(np.float32(0.1)), g.constant(np.zeros((), np.int8))
    w = g.constant(np.ones((2, 3, 1, 1), np.int8))
    y = g.node("QLinearConv", [x, scale, zero, w, scale, zero, scale, zero])
    model = g.model(y, output_type="int8")
    problems = _refusal(model)
    assert [p.op for p in problems] == ["graph input", "QLinearConv"] and "QDQ" in problems[1].hint


def test_weights_alone_quantized_is_a_float_model():
    g = Qdq()
    g.inputs.append(helper.make_tensor_value_info("x", TensorProto.FLOAT, IMAGE))
    (problem,) = _refusal(g.model(_conv(g, "x"), output_type="float32"))
    assert problem.code == "EW-MODEL-FLOAT" and "edgewright quantize" in problem.hint


def test_nothing_computed():
    g = Qdq()
    x = g.input("x", (1, 8))
    (problem,) = _refusal(g.model(g.quantized(x, 0.05, 3)))
    assert problem.code == "EW-MODEL-TRIVIAL"


def _vast_resize(g):
    return g.node("Resize", [g.input("x", IMAGE), "", g.constant([1, 1, 5e4, 5e4], np.float32)])


def _vast_padding(g):
    return g.node("Pad", [g.input("x", IMAGE), _ints(g, 0, 0, 10**6, 10**6, 0, 0, 0, 0)])


def _vast_convolution(g):
    return _conv(g, g.input("x", IMAGE), pads=[30_000] * 4)


def _vast_input(g):
    return g.node("Relu", [g.input("x", (1, 3, 20_000, 20_000))])


@pytest.mark.parametrize("build", [_vast_resize, _vast_padding, _vast_convolution, _vast_input])
def test_huge_tensors_are_refused_before_they_are_allocated(build):
    g = Qdq()
    model = g.model(g.quantized(build(g), 0.05, 3))
    start = time.monotonic()
    with pytest.raises(ModelError) as caught:
        lower(imported(model))
    assert caught.value.code == "EW-MODEL-SIZE"
    assert time.monotonic() - start < 5


def test_wrong_attribute_types_are_refused():
    g = Qdq()
    y = g.node("LeakyRelu", [g.input("x", (1, 8))], alpha=0.5)
    source = imported(g.model(g.quantized(y, 0.05, 3)))
    node = next(n for n in source.model.graph if n.op_type == "LeakyRelu")
    node.attributes["alpha"] = ir.AttrString("alpha", "half")
    (problem,) = check_model(source)
    assert problem.code == "EW-MODEL-INVALID" and "alpha" in problem.reason


def test_hints_are_given_for_what_a_user_can_change():
    for build in CASES:
        g = Qdq()
        (problem,) = check_model(imported(g.model(g.quantized(build(g), 0.05, 3))))
        assert problem.hint, problem


def test_unknown_domain():
    g = Qdq()
    source = imported(g.model(g.quantized(g.node("Relu", [g.input("y", (1, 8))]), 0.05, 3)))
    node = next(n for n in source.model.graph if n.op_type == "Relu")
    node.domain, node.op_type = "com.example", "Magic"
    (problem,) = check_model(source)
    assert "com.example::Magic" in problem.reason
