"""Static types of one node's outputs, by onnx's own shape inference."""

from __future__ import annotations

import onnx
import onnx_ir as ir

from edgewright.converter import binary_functions
from edgewright.converter.importers.limits import checked_elements
from edgewright.converter.importers.normalize.infer_binary_layer import infer_binary_layer
from edgewright.errors import ModelError

# Constants larger than this are no shapes: their values do not help inference.
_DATA_ELEMENTS = 4096

# Operators for which onnx has no inference; their output is of the input's type and shape.
_LIKE_INPUT = ("GroupNormalization", "MeanVarianceNormalization")


def infer_node(node: ir.Node, opsets: dict[str, int]) -> None:
    """Set type and static shape on the outputs of a node whose inputs have them.

    Raises:
        ModelError: EW-ONNX-OP, an unknown operator; EW-ONNX-SHAPE, its output has no static shape or
            its inputs do not fit; EW-MODEL-SIZE.
    """
    if node.domain == binary_functions.DOMAIN:
        infer_binary_layer(node)
        return
    schema = _schema(node, opsets)
    if node.op_type in _LIKE_INPUT and node.inputs[0] is not None:
        node.outputs[0].shape, node.outputs[0].type = node.inputs[0].shape, node.inputs[0].type
        return
    proto = ir.serde.serialize_node(node)
    types = {v.name or "": _type(v) for v in node.inputs if v is not None}
    data = {v.name or "": _data(v) for v in node.inputs if v is not None and _is_small_constant(v)}
    imports = [onnx.helper.make_opsetid(domain, version) for domain, version in opsets.items()]
    try:
        inferred = onnx.shape_inference.infer_node_outputs(schema, proto, types, data, None, imports)
    except Exception as error:  # InferenceError, and what the C++ beneath throws
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise _error(node, f"its inputs do not fit: {reason}") from error
    for value in node.outputs:
        if value.name:
            _set_type(node, value, inferred.get(value.name))


def _schema(node: ir.Node, opsets: dict[str, int]) -> onnx.defs.OpSchema:
    try:
        return onnx.defs.get_schema(node.op_type, opsets.get(node.domain, 1), node.domain)
    except onnx.defs.SchemaError:
        full_name = f"{node.domain}.{node.op_type}" if node.domain else node.op_type
        raise ModelError(
            "EW-ONNX-OP",
            f"node {node.name!r}: {full_name} is not an operator of ONNX",
            "export with standard operators (onnxruntime: QuantFormat.QDQ)",
            node=node.name,
            op=full_name,
        ) from None


def _set_type(node: ir.Node, value: ir.Value, proto: onnx.TypeProto | None) -> None:
    tensor = proto.tensor_type if proto is not None and proto.HasField("tensor_type") else None
    if tensor is None or not tensor.elem_type:
        raise _error(node, f"the type of its output {value.name!r} cannot be inferred")
    dims = [d.dim_value if d.HasField("dim_value") else -1 for d in tensor.shape.dim]
    if not tensor.HasField("shape") or any(d < 0 for d in dims):
        raise _error(node, f"the shape of its output {value.name!r} depends on the data")
    checked_elements(dims, f"output {value.name!r} of node {node.name!r} ({node.op_type})")
    value.shape = ir.Shape(dims)
    value.type = ir.TensorType(ir.DataType(tensor.elem_type))


def _type(value: ir.Value) -> onnx.TypeProto:
    if value.dtype is None or value.shape is None:
        raise ModelError("EW-ONNX-DAMAGED", f"nothing computes the value {value.name!r}")
    return onnx.helper.make_tensor_type_proto(int(value.dtype), value.shape.numpy())


def _is_small_constant(value: ir.Value) -> bool:
    tensor = value.const_value
    return tensor is not None and tensor.size <= _DATA_ELEMENTS


def _data(value: ir.Value) -> onnx.TensorProto:
    assert value.const_value is not None
    return ir.serde.serialize_tensor(value.const_value)


def _error(node: ir.Node, what: str) -> ModelError:
    return ModelError(
        "EW-ONNX-SHAPE",
        f"node {node.name!r} ({node.op_type}): {what}",
        "edgewright needs static shapes: export the model with fixed input sizes",
        node=node.name,
        op=node.op_type,
    )
