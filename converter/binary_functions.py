"""Binary layers in ONNX: model-local functions of the domain "edgewright", with bodies of standard operators.

ONNX has no binary operators. Each function below takes float tensors, makes signs of its input
(+1 at exactly 0), and sums products of signs; onnxruntime runs the body, edgewright lowers the call.

    BinaryConv         y = conv(pad(sign(x + shift)), weights) * scale + bias
    BinaryConvMean     y = conv(…) * mean|x| * scale + bias         one mean for each image
    BinaryConvSpatial  y = conv(…) * spatial * scale + bias         a factor for each place
    BinaryGemm         y = sign(x + shift) @ weights^T * scale + bias

Tensors are float32, weights int8 of -1 and +1. Shapes: x [1, C, H, W], shift [1, C, 1, 1], weights
[O, C, kh, kw], scale and bias [1, O, 1, 1], spatial [1, 1, H', W']; of BinaryGemm x and shift [1, I], weights
[O, I], scale and bias [1, O]. Attributes of the convolutions: strides, dilations (vertical, horizontal),
pads (top, left, bottom, right), pad_value (what the padding holds after the sign: 0, +1 or -1).
"""

from __future__ import annotations

from collections.abc import Sequence

import onnx
from onnx import AttributeProto, helper

DOMAIN = "edgewright"
VERSION = 1
# The opset the bodies are written for; Pad with axes needs 18.
OPSET = 21
CONVOLUTIONS = ("BinaryConv", "BinaryConvMean", "BinaryConvSpatial")
NAMES = (*CONVOLUTIONS, "BinaryGemm")
ATTRIBUTES = ("strides", "pads", "dilations", "pad_value")
"""Attributes of the convolutions, all required."""


def binary_conv(
    inputs: Sequence[str],
    output: str,
    *,
    name: str,
    function: str = "BinaryConv",
    strides: Sequence[int] = (1, 1),
    pads: Sequence[int] = (0, 0, 0, 0),
    dilations: Sequence[int] = (1, 1),
    pad_value: float = 0.0,
) -> onnx.NodeProto:
    """A call of one of `CONVOLUTIONS`; `inputs` in the order of the function."""
    return helper.make_node(
        function,
        list(inputs),
        [output],
        name=name,
        domain=DOMAIN,
        strides=list(strides),
        pads=list(pads),
        dilations=list(dilations),
        pad_value=float(pad_value),
    )


def binary_gemm(inputs: Sequence[str], output: str, *, name: str) -> onnx.NodeProto:
    """A call of BinaryGemm."""
    return helper.make_node("BinaryGemm", list(inputs), [output], name=name, domain=DOMAIN)


def add_functions(model: onnx.ModelProto) -> None:
    """Add the functions that a model's nodes call, and the import of their domain, in place."""
    called = {n.op_type for n in model.graph.node if n.domain == DOMAIN}
    known = {f.name for f in model.functions if f.domain == DOMAIN}
    model.functions.extend(FUNCTIONS[name] for name in NAMES if name in called - known)
    if called and DOMAIN not in {o.domain for o in model.opset_import}:
        model.opset_import.append(helper.make_opsetid(DOMAIN, VERSION))


def is_known(function: onnx.FunctionProto) -> bool:
    """Whether a model's function computes what the one of its name does: only then does the name count."""
    ours = FUNCTIONS.get(function.name)
    return function.domain == DOMAIN and ours is not None and _meaning(function) == _meaning(ours)


def _meaning(function: onnx.FunctionProto) -> object:
    """What a function computes: all but names of nodes and notes."""
    nodes = [
        (n.op_type, n.domain, list(n.input), list(n.output), sorted(_attribute_text(a) for a in n.attribute))
        for n in function.node
    ]
    opsets = [(o.domain, o.version) for o in function.opset_import]
    return list(function.input), list(function.output), sorted(function.attribute), nodes, opsets


def _attribute_text(attribute: onnx.AttributeProto) -> bytes:
    plain = AttributeProto()
    plain.CopyFrom(attribute)
    plain.ClearField("doc_string")
    return bytes(plain.SerializeToString(deterministic=True))


def _reference(node: onnx.NodeProto, attribute: str, name: str, kind: AttributeProto.AttributeType) -> None:
    """Give a node of a body an attribute of the call."""
    node.attribute.append(AttributeProto(name=attribute, ref_attr_name=name, type=kind))


def _given(output: str, attribute: str, name: str, kind: AttributeProto.AttributeType) -> onnx.NodeProto:
    """Constant node whose value is an attribute of the call."""
    node = helper.make_node("Constant", [], [output])
    _reference(node, attribute, name, kind)
    return node


def _signs() -> list[onnx.NodeProto]:
    return [
        helper.make_node("Constant", [], ["zero"], value_float=0.0),
        helper.make_node("Constant", [], ["one"], value_float=1.0),
        helper.make_node("Constant", [], ["minus_one"], value_float=-1.0),
        helper.make_node("Add", ["x", "shift"], ["shifted"]),
        helper.make_node("GreaterOrEqual", ["shifted", "zero"], ["positive"]),
        helper.make_node("Where", ["positive", "one", "minus_one"], ["signs"]),
        helper.make_node("Cast", ["weights"], ["real_weights"], to=onnx.TensorProto.FLOAT),
    ]


def _convolution() -> list[onnx.NodeProto]:
    convolve = helper.make_node("Conv", ["padded", "real_weights"], ["sums"])
    for name in ("strides", "dilations"):
        _reference(convolve, name, name, AttributeProto.INTS)
    return [
        *_signs(),
        _given("borders", "value_ints", "pads", AttributeProto.INTS),
        _given("border", "value_float", "pad_value", AttributeProto.FLOAT),
        helper.make_node("Constant", [], ["axes"], value_ints=[2, 3]),
        helper.make_node("Pad", ["signs", "borders", "border", "axes"], ["padded"]),
        convolve,
    ]


def _scaled(value: str) -> list[onnx.NodeProto]:
    return [
        helper.make_node("Mul", [value, "scale"], ["scaled"]),
        helper.make_node("Add", ["scaled", "bias"], ["y"]),
    ]


def _function(name: str, nodes: list[onnx.NodeProto]) -> onnx.FunctionProto:
    convolution = name in CONVOLUTIONS
    spatial = ["spatial"] if name == "BinaryConvSpatial" else []
    return helper.make_function(
        DOMAIN,
        name,
        ["x", "shift", "weights", *spatial, "scale", "bias"],
        ["y"],
        nodes,
        [helper.make_opsetid("", OPSET)],
        attributes=list(ATTRIBUTES) if convolution else [],
    )


def _functions() -> dict[str, onnx.FunctionProto]:
    mean = [
        helper.make_node("Abs", ["x"], ["magnitude"]),
        helper.make_node("ReduceMean", ["magnitude"], ["mean"], keepdims=1),
        helper.make_node("Mul", ["sums", "mean"], ["weighted"]),
    ]
    gemm = [*_signs(), helper.make_node("Gemm", ["signs", "real_weights"], ["sums"], transB=1)]
    bodies = {
        "BinaryConv": [*_convolution(), *_scaled("sums")],
        "BinaryConvMean": [*_convolution(), *mean, *_scaled("weighted")],
        "BinaryConvSpatial": [
            *_convolution(),
            helper.make_node("Mul", ["sums", "spatial"], ["weighted"]),
            *_scaled("weighted"),
        ],
        "BinaryGemm": [*gemm, *_scaled("sums")],
    }
    return {name: _function(name, nodes) for name, nodes in bodies.items()}


FUNCTIONS = _functions()
