"""What the .onnx importer refuses: coded errors that name the place."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from edgewright.errors import ModelError
from tests.converter.importers.onnx_models import cnn, relu_model, text_model
from tests.converter.importers.oracle import import_bytes

HEADER = '<ir_version: 8, opset_import: ["" : 17]> '


def _refused(model, code, *parts):
    data = model if isinstance(model, bytes) else model.SerializeToString()
    with pytest.raises(ModelError) as caught:
        import_bytes(data, "m.onnx")
    assert caught.value.code == code, str(caught.value)
    for part in ("m.onnx", *parts):
        assert part in str(caught.value)


def test_cycle_names_its_nodes():
    model = text_model(
        HEADER + "main (float[1,4] x) => (float[1,4] y) "
        "{ [first] a = Add(x, c) [second] b = Relu(a) [third] c = Abs(b) [last] y = Neg(c) }"
    )
    _refused(model, "EW-ONNX-CYCLE", "first -> second -> third -> first")


def test_node_that_reads_its_own_output():
    model = text_model(HEADER + "main (float[1,4] x) => (float[1,4] y) { [loop] y = Add(x, y) }")
    _refused(model, "EW-ONNX-CYCLE", "loop -> loop")


def test_value_that_nothing_computes():
    model = cnn()
    model.graph.node[3].input[1] = "nowhere"
    _refused(model, "EW-ONNX-DAMAGED", "'add' (Add)", "'nowhere'")


def test_output_that_nothing_computes():
    model = cnn()
    model.graph.output[0].name = "nowhere"
    _refused(model, "EW-ONNX-DAMAGED", "nothing computes output 'nowhere'")


def test_value_defined_twice():
    model = cnn()
    model.graph.node[1].output[0] = "c1"
    _refused(model, "EW-ONNX-DAMAGED", "'c1' is defined more than once")


def test_functions_in_a_circle():
    model = text_model(
        '<ir_version: 8, opset_import: ["" : 17, "m" : 1]> main (float[1] x) => (float[1] y) { y = m.f(x) } '
        '<domain: "m", opset_import: ["" : 17, "m" : 1]> f (v) => (w) { w = m.g(v) } '
        '<domain: "m", opset_import: ["" : 17, "m" : 1]> g (v) => (w) { w = m.f(v) }'
    )
    _refused(model, "EW-ONNX-CYCLE", "f", "g", "circle")


def test_function_that_does_not_compute_its_output():
    model = text_model(
        '<ir_version: 8, opset_import: ["" : 17, "m" : 1]> main (float[1] x) => (float[1] y) { y = m.f(x) } '
        '<domain: "m", opset_import: ["" : 17]> f (v) => (w) { z = Relu(v) }'
    )
    _refused(model, "EW-ONNX-DAMAGED", "nothing computes output 'y'")


def test_functions_that_double_thirty_times():
    text = (
        '<ir_version: 8, opset_import: ["" : 17, "m" : 1]> main (float[1] x) => (float[1] y) { y = m.f0(x) } '
    )
    for i in range(30):
        call = f"a = m.f{i + 1}(v) w = m.f{i + 1}(a)" if i < 29 else "w = Relu(v)"
        text += f'<domain: "m", opset_import: ["" : 17, "m" : 1]> f{i} (v) => (w) {{ {call} }} '
    _refused(text_model(text), "EW-MODEL-SIZE", "inlined")


@pytest.mark.parametrize(("opset", "part"), [(12, "13 is the oldest"), (7, "13"), (99, "newer onnx package")])
def test_opsets_out_of_range(opset, part):
    model = relu_model()
    model.opset_import[0].version = opset
    _refused(model, "EW-ONNX-OPSET", str(opset), part)


def test_control_flow():
    branch = helper.make_graph(
        [helper.make_node("Relu", ["x"], ["z"])],
        "b",
        [],
        [helper.make_tensor_value_info("z", TensorProto.FLOAT, [1, 4])],
    )
    model = relu_model()
    model.graph.node[0].CopyFrom(
        helper.make_node("If", ["x"], ["y"], "choice", then_branch=branch, else_branch=branch)
    )
    _refused(model, "EW-ONNX-OP", "'choice' (If)", "control flow")


@pytest.mark.parametrize(
    ("domain", "op", "code"),
    [("com.microsoft", "QLinearAdd", "EW-ONNX-OP"), ("my.domain", "Relu", "EW-ONNX-OP")],
)
def test_operator_that_is_not_standard(domain, op, code):
    model = relu_model()
    model.graph.node[0].op_type, model.graph.node[0].domain = op, domain
    model.graph.node[0].name = "strange"
    model.opset_import.append(helper.make_opsetid(domain, 1))
    _refused(model, code, "'strange'", f"{domain}.{op}", "QDQ")


def test_unknown_operator_of_the_standard_domain():
    model = relu_model()
    model.graph.node[0].op_type = "Rleu"
    _refused(model, "EW-ONNX-DAMAGED", "Rleu")


def test_group_normalization_of_another_meaning():
    model = text_model(
        HEADER.replace("17", "18") + "main (float[1,4,2] x) => (float[1,4,2] y) "
        "<float[2] s = {1, 1}, float[2] b = {0, 0}> "
        "{ [norm] y = GroupNormalization <num_groups = 2> (x, s, b) }"
    )
    _refused(model, "EW-ONNX-OP", "'norm'", "opset 21 or newer")


def test_inputs_that_do_not_fit():
    model = text_model(
        HEADER + "main (float[1,4] x) => (float[1,5] y) <float[5,5] w> { [mul] y = MatMul(x, w) }"
    )
    del model.graph.initializer[:]
    model.graph.initializer.append(onnx.numpy_helper.from_array(np.zeros((5, 5), np.float32), "w"))
    _refused(model, "EW-ONNX-SHAPE", "'mul' (MatMul)")


def test_output_of_another_type_than_declared():
    model = relu_model()
    model.graph.output[0].type.tensor_type.elem_type = TensorProto.INT8
    _refused(model, "EW-ONNX-DAMAGED", "'y'", "INT8", "FLOAT")


def test_constants_that_cannot_be_computed():
    model = text_model(
        HEADER + "main (float[1,4] x) => (float[1] y) <int64 i = {7}> "
        "{ s = Shape(x) [pick] g = Gather(s, i) f = Cast <to = 1> (g) "
        "m = ReduceMax <keepdims = 0> (x) y = Add(m, f) }"
    )
    _refused(model, "EW-ONNX-DAMAGED", "'pick' (Gather)")


def _with_tensor(tensor):
    model = relu_model()
    model.graph.initializer.append(tensor)
    return model


@pytest.mark.parametrize(
    ("tensor", "code", "part"),
    [
        (
            TensorProto(name="w", data_type=1, dims=[1000, 1000], raw_data=b"abcd"),
            "EW-ONNX-DAMAGED",
            "4,000,000 bytes",
        ),
        (TensorProto(name="w", data_type=1, dims=[2], raw_data=b"a" * 9), "EW-ONNX-DAMAGED", "holds 9"),
        (TensorProto(name="w", data_type=1, dims=[3], float_data=[1.0]), "EW-ONNX-DAMAGED", "3 values"),
        (TensorProto(name="w", data_type=1, dims=[1 << 40, 1 << 40]), "EW-MODEL-SIZE", "dimension"),
        (TensorProto(name="w", data_type=1, dims=[-1], raw_data=b""), "EW-MODEL-SIZE", "-1"),
        (
            TensorProto(name="w", data_type=1, dims=[1] * 70, raw_data=b"abcd"),
            "EW-MODEL-SIZE",
            "70 dimensions",
        ),
        (
            TensorProto(name="w", data_type=99, dims=[1], raw_data=b"abcd"),
            "EW-ONNX-DAMAGED",
            "unknown type 99",
        ),
        (TensorProto(name="w", dims=[1], raw_data=b"abcd"), "EW-ONNX-DAMAGED", "unknown type 0"),
        (TensorProto(name="w", data_type=3, dims=[1], int32_data=[300]), "EW-ONNX-DAMAGED", "holds 300"),
    ],
)
def test_tensor_that_does_not_hold_what_it_claims(tensor, code, part):
    _refused(_with_tensor(tensor), code, "initializer 'w'", part)


def test_tensor_in_an_attribute_is_checked_too():
    model = relu_model()
    tensor = TensorProto(data_type=1, dims=[1000], raw_data=b"abcd")
    model.graph.node.append(helper.make_node("Constant", [], ["c"], "const"))
    attribute = model.graph.node[-1].attribute.add(name="value", type=onnx.AttributeProto.TENSOR)
    attribute.t.CopyFrom(tensor)
    _refused(model, "EW-ONNX-DAMAGED", "node 'const' (Constant), attribute 'value'")


def test_sparse_weights():
    model = relu_model()
    model.graph.sparse_initializer.add().values.name = "thin"
    _refused(model, "EW-ONNX-OP", "'thin'", "sparse")


def test_sequence_inputs():
    model = relu_model()
    model.graph.input[0].type.sequence_type.elem_type.tensor_type.elem_type = 1
    _refused(model, "EW-ONNX-OP", "'x' is a sequence_type")


def test_model_without_a_graph():
    _refused(onnx.ModelProto(ir_version=8), "EW-ONNX-DAMAGED", "no graph")


def test_truncated_file_names_the_byte_and_the_field():
    data = cnn().SerializeToString()
    _refused(data[: len(data) // 2], "EW-ONNX-DAMAGED", "ModelProto.graph", "behind the end of its message")


def test_text_that_is_no_text():
    data = relu_model().SerializeToString().replace(b"Relu", b"\xff\xfe\xfd\xfc")
    _refused(data, "EW-ONNX-DAMAGED", "op_type is not UTF-8")


def test_deep_nesting():
    data = b""
    for _ in range(200):  # attribute.g.node.attribute …
        for tag in (0x32, 0x2A, 0x0A):
            data = bytes([tag]) + onnx_varint(len(data)) + data
    _refused(b"\x08\x08\x3a" + onnx_varint(len(data)) + data, "EW-ONNX-DAMAGED", "nested deeper")


def test_many_empty_fields():
    _refused(b"\x08\x08" + b"\x42\x00" * 700_000, "EW-MODEL-SIZE", "fields")


def onnx_varint(value: int) -> bytes:
    result = b""
    while value >= 0x80:
        result += bytes([value & 0x7F | 0x80])
        value >>= 7
    return result + bytes([value])
