"""Nodes without integer arithmetic inside a quantized model: float operators, near onnxruntime."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from edgewright.converter.lower import check_model, lower
from edgewright.converter.ops.float_op import FloatOp
from edgewright.converter.program_file import load_program, save_program
from edgewright.errors import ModelError
from edgewright.targets.cpu import SCALAR
from tests.converter.lower.qdq import Qdq, check, imported, open_session, random_inputs
from tests.targets.codegen.host_library import run_on_host

IMAGE = (1, 3, 8, 8)


def _ints(g, *values):
    return g.constant(values, np.int64)


def _conv(g, x, outputs=4, inputs=3, size=3):
    pads = [size // 2] * 4
    return g.node("Conv", [x, g.weights(g.rng.normal(size=(outputs, inputs, size, size)), 0)], pads=pads)


def _parameters(g, *shape):
    return g.constant(g.rng.normal(size=shape), np.float32)


def _floats(program):
    return [n.op.op_type for n in program.nodes if isinstance(n.op, FloatOp)]


def instance_normalization(g, y):
    return g.node("InstanceNormalization", [y, _parameters(g, 4), _parameters(g, 4)])


def group_normalization(g, y):
    return g.node("GroupNormalization", [y, _parameters(g, 4), _parameters(g, 4)], num_groups=2)


def layer_normalization(g, y):
    return g.node("LayerNormalization", [y, _parameters(g, 8), _parameters(g, 8)])


def resize_linear(g, y):
    return g.node("Resize", [y, "", g.constant([1, 1, 2, 2], np.float32)], mode="linear")


def response_normalization(g, y):
    return g.node("LRN", [y], size=3, alpha=0.5)


def maximum(g, y):
    return g.node("ReduceMax", [y, _ints(g, 1)])


def transposed_convolution(g, y):
    return g.node("ConvTranspose", [y, g.weights(g.rng.normal(size=(4, 2, 2, 2)))], strides=[2, 2])


def attention(g, y):
    """Both factors are activations, and the softmax between them is quantized: integer."""
    rows = g.node("Reshape", [y, _ints(g, 1, 4, 64)])
    columns = g.node("Transpose", [rows], perm=[0, 2, 1])
    scores = g.quantized(g.node("MatMul", [rows, columns]))
    return g.node("MatMul", [g.quantized(g.node("Softmax", [scores])), rows])


def slopes(g, y):
    return g.node("PRelu", [y, _parameters(g, 4, 1, 1)])


def division(g, y):
    """By the sum of absolute values, of which only the sum's own node has no integer arithmetic."""
    total = g.node("ReduceL1", [y, _ints(g, 1)])
    return g.node("Div", [y, g.node("Add", [total, g.constant(np.float32(0.1))])])


def decomposed_normalization(g, y):
    """The mean, the product and the square root have integer arithmetic, but no quantization between."""
    centered = g.node("Sub", [y, g.node("ReduceMean", [y, _ints(g, 1)])])
    squares = g.node("Pow", [centered, g.constant(np.float32(2))])
    variance = g.node("Add", [g.node("ReduceMean", [squares, _ints(g, 1)]), g.constant(np.float32(1e-3))])
    return g.node("Mul", [g.node("Div", [centered, g.node("Sqrt", [variance])]), _parameters(g, 4, 1, 1)])


def reflected(g, y):
    return g.node("Pad", [y, _ints(g, 0, 0, 1, 1, 0, 0, 1, 1)], mode="reflect")


def viewed_between(g, y):
    """Reshape and Transpose between float nodes."""
    y = g.node("Transpose", [g.node("ReduceMax", [y, _ints(g, 2)])], perm=[0, 3, 2, 1])
    return g.node("ReduceMax", [g.node("Reshape", [y, _ints(g, 1, 4, 8)]), _ints(g, 1)])


def three_sums(g, y):
    return g.node("Sum", [y, y, g.node("Exp", [g.node("Neg", [g.node("Abs", [y])])])])


ISLANDS = {
    attention: ["MatMul", "MatMul"],
    decomposed_normalization: ["ReduceMean", "Sub", "Pow", "ReduceMean", "Add", "Sqrt", "Div", "Mul"],
    division: ["ReduceL1", "Add", "Div"],
    group_normalization: ["GroupNormalization"],
    instance_normalization: ["InstanceNormalization"],
    layer_normalization: ["LayerNormalization"],
    maximum: ["ReduceMax"],
    reflected: ["Pad"],
    resize_linear: ["Resize"],
    response_normalization: ["LRN"],
    slopes: ["PRelu"],
    three_sums: ["Abs", "Neg", "Exp", "Sum"],
    transposed_convolution: ["ConvTranspose"],
    viewed_between: ["ReduceMax", "ReduceMax"],
}


@pytest.mark.parametrize("build", ISLANDS, ids=lambda b: b.__name__)
def test_island_between_convolution_and_output(build):
    g = Qdq(seed=2)
    model = g.model(g.quantized(build(g, g.quantized(_conv(g, g.input("x", IMAGE))))))
    # A convolution before it may differ by one step, which a normalization enlarges.
    program = check(model, bound=4)
    assert sorted(_floats(program)) == sorted(ISLANDS[build])
    assert "conv" in [n.op.kind for n in program.nodes]


@pytest.mark.parametrize("dtype", ["int8", "uint8"])
def test_exact_where_nothing_before_it_rounds(dtype):
    """From the graph input on: within half a step, the way halves are rounded."""
    g = Qdq(dtype, seed=4)
    y = g.quantized(g.node("LayerNormalization", [g.input("x", (1, 6, 12)), _parameters(g, 12)]))
    check(g.model(y), bound=1)


def test_island_between_convolutions():
    """The integer layers around it stay integer; the library computes what golden does."""
    g = Qdq(io="float", seed=6)
    y = g.quantized(_conv(g, g.input("x", IMAGE)))
    y = g.quantized(instance_normalization(g, y))
    y = g.quantized(_conv(g, y, outputs=5, inputs=4, size=1))
    program = check(g.model(y), bound=4)
    kinds = [n.op.kind for n in program.nodes]
    assert kinds.count("conv") == 2 and kinds.count("instancenormalization") == 1
    assert kinds.index("instancenormalization") == kinds.index("dequantize") + 1


def test_library_and_file(tmp_path):
    g = Qdq(seed=7)
    y = g.quantized(_conv(g, g.input("x", IMAGE)))
    y = g.quantized(decomposed_normalization(g, y))
    model = g.model(g.quantized(response_normalization(g, y)))
    program = lower(imported(model))
    save_program(program, tmp_path / "program")
    loaded = load_program(tmp_path / "program")
    feeds = random_inputs(model, np.random.default_rng(1))
    want = program.run(feeds)
    made = run_on_host(loaded, SCALAR, tmp_path / "library", feeds)
    for name, expected in want.items():
        assert np.array_equal(loaded.run(feeds)[name], expected)
        assert np.array_equal(made[name], expected)


def test_one_dequantization_for_all_its_readers():
    g = Qdq()
    x = g.quantized(_conv(g, g.input("x", IMAGE)))
    y = g.node("Div", [x, g.node("ReduceMax", [g.node("Abs", [x])])])
    program = lower(imported(g.model(g.quantized(y, 0.05, 0))))
    assert [n.op.kind for n in program.nodes].count("dequantize") == 1


def test_integer_reader_of_an_unquantized_tensor_stays_integer():
    """A table of the quantized reader, and a float node of the other."""
    g = Qdq()
    x = g.input("x", IMAGE)
    exponential = g.node("Exp", [x])
    quantized = g.quantized(exponential, 0.05, -128)
    total = g.quantized(g.node("Div", [x, g.node("ReduceSum", [exponential, _ints(g, 1)])]), 0.01, 0)
    program = check(g.model(quantized, total))
    kinds = [n.op.kind for n in program.nodes]
    assert kinds.count("exp") == 2 and _floats(program).count("Exp") == 1


@pytest.mark.parametrize("io", ["source", "int8"])
def test_float_output(io):
    """A tail that nobody quantized stays float, whatever the ports are."""
    g = Qdq(seed=8)
    y = g.node("Gemm", [g.input("x", (1, 16)), g.weights(g.rng.normal(size=(16, 10)))])
    model = g.model(g.node("Softmax", [g.quantized(y)]), output_type="float32")
    program = lower(imported(model), io=io)
    assert [n.op.kind for n in program.nodes] == ["fc", "dequantize", "softmax"]
    feeds = random_inputs(model, np.random.default_rng(3))
    (made,) = program.run(feeds).values()
    (want,) = open_session(model).run(None, feeds)
    assert made.dtype == np.float32 and made.shape == want.shape
    np.testing.assert_allclose(made, want, rtol=0.1, atol=1e-4)


def _refusal(model):
    source = imported(model)
    problems = check_model(source)
    with pytest.raises(ModelError) as caught:
        lower(source)
    assert caught.value.exit_code == 4 and caught.value.code == problems[0].code
    return problems


def test_float_model_is_refused():
    g = Qdq()
    g.inputs.append(helper.make_tensor_value_info("x", TensorProto.FLOAT, (1, 4, 8, 8)))
    y = g.node("Relu", [instance_normalization(g, "x")])
    (problem,) = _refusal(g.model(y, output_type="float32"))
    assert problem.code == "EW-MODEL-FLOAT" and "edgewright quantize" in problem.hint


def _after_convolution(g):
    return instance_normalization(g, _conv(g, g.input("x", IMAGE)))


def _raw_input(g):
    x = g.input("x", IMAGE)
    g.inputs.append(helper.make_tensor_value_info("raw", TensorProto.FLOAT, IMAGE))
    return g.node("Sum", [x, "raw"])


def _float_layer(g):
    return g.node("MatMul", [g.input("x", (1, 8)), _parameters(g, 8, 3)])


def _second_output(g):
    x = g.input("x", (1, 4, 8))
    return g.node("LayerNormalization", [x, _parameters(g, 8)], outputs=2)[1]


def _what_tvm_gets_wrong(g):
    attributes = {"mode": "linear", "coordinate_transformation_mode": "asymmetric"}
    scales = g.constant([1, 1, 1.7, 1.7], np.float32)
    return g.node("Resize", [g.input("x", IMAGE), "", scales], **attributes)


def _too_much_work(g):
    x, y = g.input("x", (1, 600, 600)), g.input("y", (1, 600, 600))
    return g.node("MatMul", [x, y])


def _no_loops(g):
    return g.node("LpNormalization", [g.input("x", IMAGE)])


REFUSED = {
    _after_convolution: ("InstanceNormalization", "result of node Conv_"),
    _raw_input: ("Sum", "raw is not a quantized activation"),
    _float_layer: ("MatMul", "not quantized"),
    _second_output: ("LayerNormalization", "more than its first output"),
    _what_tvm_gets_wrong: ("Resize", "its mode is linear"),
    _too_much_work: ("MatMul", "neither factor is constant"),
    _no_loops: ("LpNormalization", "operator LpNormalization is not supported"),
}


@pytest.mark.parametrize("build", REFUSED, ids=lambda b: b.__name__)
def test_refused(build):
    g = Qdq()
    op, reason = REFUSED[build]
    (problem,) = _refusal(g.model(g.quantized(build(g), 0.05, 0)))
    assert (problem.op, problem.code) == (op, "EW-OP-UNSUPPORTED")
    assert reason in problem.reason


def test_damaged_float_operator_in_a_program_file(tmp_path):
    """A program whose tensors are not those of the operator is refused when it is used, not overrun."""
    g = Qdq()
    program = lower(imported(g.model(g.quantized(maximum(g, g.input("x", IMAGE)), 0.05, 0))))
    (node,) = (n for n in program.nodes if isinstance(n.op, FloatOp))
    other = onnx.load_model_from_string(node.op.model.tobytes())
    other.graph.input[0].type.tensor_type.shape.dim[3].dim_value = 80
    other.graph.output[0].type.tensor_type.shape.dim[3].dim_value = 80
    op = FloatOp(np.frombuffer(other.SerializeToString(), np.uint8), node.op.op_type, node.op.shape)
    with pytest.raises(ModelError) as caught:
        op.golden(np.zeros(program.values[node.inputs[0]].shape, np.float32))
    assert caught.value.code == "EW-OP-SHAPE"
