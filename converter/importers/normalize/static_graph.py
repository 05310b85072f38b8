"""One forward walk over the graph: infer every shape, compute what is constant.

Exporters compute shapes inside the graph (Shape, Gather, Concat, Reshape …). With static input
shapes all of that is constant, and so is a QuantizeLinear of float weights.
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from edgewright.converter.importers.normalize.evaluate import FOLDABLE, evaluate
from edgewright.converter.importers.normalize.infer_node import infer_node
from edgewright.converter.program import Array

FOLD_BYTES = 256 << 20
"""Most bytes of constants that folding reads and writes in all; what is left stays a node."""

_FOLD_TYPES = (
    *(ir.DataType.FLOAT, ir.DataType.DOUBLE, ir.DataType.BOOL),
    *(ir.DataType.INT8, ir.DataType.INT16, ir.DataType.INT32, ir.DataType.INT64),
    *(ir.DataType.UINT8, ir.DataType.UINT16, ir.DataType.UINT32, ir.DataType.UINT64),
)


def make_static(model: ir.Model) -> None:
    """Infer types and static shapes of all values and fold constants, in place.

    Args:
        model: Without functions; inputs and initializers have static shapes, nodes are in order.

    Raises:
        ModelError: see `infer_node` and `evaluate`.
    """
    opsets = dict(model.opset_imports)
    budget = FOLD_BYTES
    for node in list(model.graph):
        infer_node(node, opsets)
        if node.domain or any(v.is_graph_output() for v in node.outputs):
            continue
        if node.op_type in ("Shape", "Size"):
            _replace(model.graph, node, [_shape_of(node)])
        elif _is_foldable(node):
            budget -= sum(_size_bytes(v) for v in (*node.inputs, *node.outputs) if v is not None)
            if budget >= 0:
                inputs = [None if v is None else _array(v) for v in node.inputs]
                _replace(model.graph, node, evaluate(node, inputs, opsets[""]))


def _is_foldable(node: ir.Node) -> bool:
    values = [v for v in (*node.inputs, *node.outputs) if v is not None]
    return (
        node.op_type in FOLDABLE
        and all(v is None or v.const_value is not None for v in node.inputs)
        and all(v.dtype in _FOLD_TYPES for v in values)
    )


def _shape_of(node: ir.Node) -> Array:
    """Value of a Shape or Size node."""
    value = node.inputs[0]
    assert value is not None and value.shape is not None
    dims = np.array(value.shape.numpy(), dtype=np.int64)
    if node.op_type == "Size":
        return np.array(dims.prod(), dtype=np.int64)
    start = node.attributes.get_int("start", 0)
    return dims[start : node.attributes.get_int("end", len(dims))]


def _size_bytes(value: ir.Value) -> int:
    assert value.dtype is not None and value.shape is not None
    return int(np.prod(value.shape.numpy(), dtype=np.int64)) * value.dtype.itemsize.__ceil__()


def _array(value: ir.Value) -> Array:
    assert value.const_value is not None
    return value.const_value.numpy()


def _replace(graph: ir.Graph, node: ir.Node, results: list[Array]) -> None:
    """Put constants of the same names in the place of a node's outputs."""
    for output, result in zip(node.outputs, results, strict=True):
        dtype = output.dtype
        assert dtype is not None
        data = np.ascontiguousarray(result, dtype=dtype.numpy()).reshape(result.shape)
        constant = ir.Value(name=output.name, shape=ir.Shape(data.shape), type=ir.TensorType(dtype))
        constant.const_value = ir.tensor(data, name=output.name)
        graph.register_initializer(constant)
        output.replace_all_uses_with(constant)
    graph.remove(node, safe=True)
