"""What quantization does with an operator."""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum

import onnx_ir as ir

from edgewright.converter import binary_functions
from edgewright.converter.lower.elementwise import FUNCTIONS
from edgewright.converter.lower.unary import PLAIN
from edgewright.converter.program import Quantization
from edgewright.quantize.graph_edit import constant_of, shape_of
from edgewright.quantize.layers import is_layer


class Kind(Enum):
    """How the compiler runs an operator on int8."""

    LAYER = "integer sums with weights; its result is rescaled once"
    COMPUTE = "integer arithmetic of its own; its result is rescaled once"
    BINARY = "Add, Sub or Mul of two tensors, one of them possibly constant"
    SIGNS = "a binary layer: sums of signs, which go to a further binary layer as bits"
    SOFTMAX = "its result has a fixed scale"
    FUNCTION = "a function of one element: a table, or a clamp that is fused"
    JOIN = "two tensors without integer arithmetic, unless both are functions of the same one"
    MOVE = "copies or picks elements, which keep their quantization"
    FLOAT = "none"


_CLAMPS = ("Relu", "Clip")
_WITH_ATTRIBUTES = ("LeakyRelu", "Elu", "Selu", "Celu", "HardSigmoid", "ThresholdedRelu", "Gelu")
UNARY = frozenset((*_CLAMPS, *_WITH_ATTRIBUTES, *PLAIN))
_VIEWS = ("Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose", "Expand", "Identity", "Dropout")
MOVES = frozenset((*_VIEWS, "MaxPool", "GlobalMaxPool", "Slice", "Split", "Gather", "Concat"))
MEANS = frozenset(("AveragePool", "GlobalAveragePool", "ReduceMean"))

# Results between 0 and 1, or -1 and 1, as TFLite quantizes them.
UNIT = Quantization(1 / 256, -128)
FIXED = {"Softmax": UNIT, "Sigmoid": UNIT, "HardSigmoid": UNIT, "Tanh": Quantization(1 / 128, 0)}


def activations_of(node: ir.Node) -> list[ir.Value]:
    """The inputs of a node that are computed."""
    return [v for v in node.inputs if v is not None and v.const_value is None]


def kind_of(node: ir.Node) -> Kind:
    """The kind of a node of a prepared float graph."""
    op, inputs = node.op_type, activations_of(node)
    if node.domain == binary_functions.DOMAIN and op in binary_functions.NAMES:
        return Kind.SIGNS
    if node.domain not in ("", "ai.onnx") or not inputs:
        return Kind.FLOAT
    if any(v.dtype != ir.DataType.FLOAT for v in (*inputs, *node.outputs)):
        return Kind.FLOAT
    if is_layer(node):
        return Kind.LAYER
    if op == "Softmax":
        return Kind.SOFTMAX
    if op in MEANS:
        return Kind.COMPUTE
    if op in FUNCTIONS:
        return _kind_of_binary(node, inputs)
    if op in UNARY or (op == "PRelu" and _is_scalar(node.inputs[1])):
        return Kind.FUNCTION if len(inputs) == 1 else Kind.FLOAT
    if op in MOVES or _moves_in_this_mode(node):
        return Kind.MOVE if op == "Concat" or inputs == [node.inputs[0]] else Kind.FLOAT
    return Kind.FLOAT


def is_passed_as_bits(value: ir.Value) -> bool:
    """Whether a binary layer's result is read by binary layers alone, and only for its signs.

    Factors known at run time keep a result from becoming a comparison, mean|x| an input.
    """
    maker = value.producer()
    if maker is None or kind_of(maker) is not Kind.SIGNS or value.is_graph_output():
        return False
    uses = list(value.uses())
    return (
        maker.op_type in ("BinaryConv", "BinaryGemm")
        and bool(uses)
        and all(
            use.idx == 0 and kind_of(use.node) is Kind.SIGNS and use.node.op_type != "BinaryConvMean"
            for use in uses
        )
    )


def _kind_of_binary(node: ir.Node, inputs: list[ir.Value]) -> Kind:
    if len(node.inputs) != 2:
        return Kind.FLOAT
    if len(inputs) == 1 and any(_is_scalar(v) for v in node.inputs):
        return Kind.FUNCTION
    if node.op_type in ("Add", "Sub", "Mul"):
        return Kind.BINARY
    return Kind.JOIN if len(inputs) == 2 else Kind.FLOAT


def _is_scalar(value: ir.Value | None) -> bool:
    data = constant_of(value)
    return data is not None and data.size == 1


def _moves_in_this_mode(node: ir.Node) -> bool:
    if node.op_type == "Resize":
        return node.attributes.get_string("mode", "nearest") == "nearest"
    return node.op_type == "Pad" and node.attributes.get_string("mode", "constant") == "constant"


def fixed_quantization(node: ir.Node | None) -> Quantization | None:
    """What an operator's result is quantized to, whatever its range; None where the range decides."""
    return None if node is None else FIXED.get(node.op_type)


def scaled_softmax_input(node: ir.Node) -> ir.Value | None:
    """x of Softmax(factor * x) with a positive constant, which the integer softmax takes in."""
    scaled = node.inputs[0]
    maker = None if scaled is None else scaled.producer()
    if scaled is None or maker is None or maker.op_type != "Mul" or len(list(scaled.uses())) != 1:
        return None
    inputs = activations_of(maker)
    factors = [constant_of(v) for v in maker.inputs]
    factor = next((f for f in factors if f is not None and f.size == 1), None)
    if len(inputs) != 1 or factor is None or float(factor.reshape(())) <= 0 or scaled.is_graph_output():
        return None
    return inputs[0] if shape_of(inputs[0]) == shape_of(scaled) else None


def shares_quantization(node: ir.Node) -> Iterator[tuple[ir.Value, ir.Value]]:
    """(input, output) pairs that get one quantization.

    Moved elements; the parts of a Concat, which are then joined without arithmetic; an average over a
    window, which TFLite's integer operator needs. A part of a Concat that other nodes read too keeps its
    own scale: the joint one may be much coarser.
    """
    kind = kind_of(node)
    if kind is Kind.MOVE:
        for source in activations_of(node):
            if node.op_type == "Concat" and len({use.node for use in source.uses()}) > 1:
                continue
            for result in node.outputs:
                yield source, result
    elif node.op_type == "AveragePool" and kind is Kind.COMPUTE:
        (source,), result = activations_of(node), node.outputs[0]
        if any(n > 1 for n in shape_of(result)[2:]):
            yield source, result
