"""Type and shape of a call of a binary layer; onnx infers none for calls of functions."""

from __future__ import annotations

import onnx_ir as ir

from edgewright.converter import binary_functions
from edgewright.converter.importers.limits import checked_elements
from edgewright.converter.ops.base import Padding
from edgewright.converter.ops.window import output_size
from edgewright.errors import ModelError

INPUTS = {"BinaryConv": 5, "BinaryConvMean": 5, "BinaryConvSpatial": 6, "BinaryGemm": 5}


def infer_binary_layer(node: ir.Node) -> None:
    """Set type and static shape on the output, and check the types and shapes of all inputs.

    Raises:
        ModelError: EW-ONNX-OP, no such function; EW-ONNX-SHAPE, inputs that do not fit.
    """
    shape = result_shape(node, [_shape(node, v) for v in node.inputs])
    types = [v.dtype for v in node.inputs if v is not None]
    if types != [ir.DataType.INT8 if i == 2 else ir.DataType.FLOAT for i in range(len(types))]:
        raise _error(node, f"its inputs are {', '.join(str(t) for t in types)}")
    checked_elements(shape, f"the output of node {node.name!r}")
    node.outputs[0].shape = ir.Shape(shape)
    node.outputs[0].type = ir.TensorType(ir.DataType.FLOAT)


def result_shape(node: ir.Node, shapes: list[tuple[int, ...]]) -> tuple[int, ...]:
    """Shape of the result for inputs of these shapes.

    Raises:
        ModelError: EW-ONNX-OP, no such function; EW-ONNX-SHAPE, inputs or attributes that do not fit.
    """
    if node.op_type not in INPUTS:
        raise _error(node, "no function of the model defines it", "EW-ONNX-OP")
    if len(shapes) != INPUTS[node.op_type] or len(node.outputs) != 1:
        raise _error(node, f"it has {len(shapes)} inputs, not {INPUTS[node.op_type]}")
    return _gemm(node, shapes) if node.op_type == "BinaryGemm" else _convolution(node, shapes)


def _shape(node: ir.Node, value: ir.Value | None) -> tuple[int, ...]:
    if value is None or value.shape is None:
        raise _error(node, "an input is missing")
    return tuple(int(d) for d in value.shape.numpy())


def _gemm(node: ir.Node, shapes: list[tuple[int, ...]]) -> tuple[int, ...]:
    weights = shapes[2]
    if len(weights) != 2:
        raise _error(node, f"its weights have the shape {list(weights)}")
    outputs, depth = weights
    _check(node, shapes, [(1, depth), (1, depth), weights, (1, outputs), (1, outputs)])
    return 1, outputs


def _convolution(node: ir.Node, shapes: list[tuple[int, ...]]) -> tuple[int, ...]:
    x, weights = shapes[0], shapes[2]
    if len(x) != 4 or len(weights) != 4 or x[0] != 1 or x[1] != weights[1]:
        raise _error(node, f"weights {list(weights)} for an input {list(x)}")
    sizes = {"strides": 2, "dilations": 2, "pads": 4}
    found = {name: _integers(node, name, size) for name, size in sizes.items()}
    (top, left, bottom, right), window = found["pads"], (weights[2], weights[3])
    strides, dilations = found["strides"], found["dilations"]
    try:
        size = output_size(
            (x[2], x[3], x[1]),
            window,
            (strides[0], strides[1]),
            (dilations[0], dilations[1]),
            Padding(top, bottom, left, right),
        )
    except ModelError as error:
        raise _error(node, error.message) from error
    channels = (1, weights[0], 1, 1)
    places = [(1, 1, *size)] if node.op_type == "BinaryConvSpatial" else []
    _check(node, shapes, [x, (1, x[1], 1, 1), weights, *places, channels, channels])
    return (1, weights[0], *size)


def _check(node: ir.Node, shapes: list[tuple[int, ...]], wanted: list[tuple[int, ...]]) -> None:
    if shapes != wanted:
        raise _error(node, f"its inputs are {[list(s) for s in shapes]}, not {[list(s) for s in wanted]}")


def _integers(node: ir.Node, name: str, size: int) -> tuple[int, ...]:
    attribute = node.attributes.get(name)
    values = attribute.as_ints() if attribute is not None and attribute.type == ir.AttributeType.INTS else ()
    if len(values) != size or any(not 0 <= v < 1 << 15 for v in values):
        raise _error(node, f"its {name} are {list(values)}")
    return tuple(int(v) for v in values)


def _error(node: ir.Node, what: str, code: str = "EW-ONNX-SHAPE") -> ModelError:
    return ModelError(
        code,
        f"node {node.name!r} ({binary_functions.DOMAIN}.{node.op_type}): {what}",
        "write binary layers with edgewright.converter.binary_functions",
        node=node.name,
        op=node.op_type,
    )
