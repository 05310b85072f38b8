"""Constant folding: what is computed from initializers and shapes alone is known at conversion time."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import onnx_ir as ir

from edgewright.converter.lower import attributes
from edgewright.converter.lower.layout import check_size
from edgewright.converter.lower.operands import Constant
from edgewright.converter.lower.problem import Refused
from edgewright.converter.program import Array

CASTS = {
    int(ir.DataType.FLOAT): np.float32,
    int(ir.DataType.INT32): np.int32,
    int(ir.DataType.INT64): np.int64,
    int(ir.DataType.INT8): np.int8,
    int(ir.DataType.UINT8): np.uint8,
}


def constant_node(node: ir.Node) -> Constant:
    """Value of a Constant node."""
    if "value" in node.attributes:
        tensor = node.attributes["value"].as_tensor()
        return Constant(np.asarray(tensor.numpy()))
    for name, dtype in (("value_float", np.float32), ("value_int", np.int64)):
        if name in node.attributes:
            return Constant(np.asarray(node.attributes[name].value, dtype))
    for name, dtype in (("value_floats", np.float32), ("value_ints", np.int64)):
        if name in node.attributes:
            return Constant(np.asarray(node.attributes[name].value, dtype))
    raise Refused("it holds neither a tensor nor numbers")


def _gather(node: ir.Node, inputs: Sequence[Array]) -> Array:
    data, indices = inputs
    axis = attributes.integer(node, "axis", 0)
    check_size([data.size // data.shape[axis], max(indices.size, 1)], "its result")
    return np.take(data, indices, axis)


def _concat(node: ir.Node, inputs: Sequence[Array]) -> Array:
    return np.concatenate(inputs, attributes.integer(node, "axis", 0))


def _slice(node: ir.Node, inputs: Sequence[Array]) -> Array:
    data, starts, ends = inputs[:3]
    axes = inputs[3].tolist() if len(inputs) > 3 else range(starts.size)
    steps = inputs[4].tolist() if len(inputs) > 4 else [1] * starts.size
    taken = [slice(None)] * data.ndim
    for axis, start, end, step in zip(axes, starts.tolist(), ends.tolist(), steps, strict=True):
        taken[axis] = slice(start, None if step < 0 and end < -data.shape[axis] else end, step)
    return np.asarray(data[tuple(taken)])


def _filled(node: ir.Node, inputs: Sequence[Array]) -> Array:
    shape = [int(n) for n in inputs[0]]
    check_size(shape, "its result")
    value = node.attributes.get("value")
    fill = np.zeros(1, np.float32) if value is None else np.asarray(value.as_tensor().numpy())
    return np.full(shape, fill.reshape(-1)[0], fill.dtype)


def _cast(node: ir.Node, inputs: Sequence[Array]) -> Array:
    to = attributes.integer(node, "to", 0)
    if to not in CASTS:
        raise Refused(f"it casts a constant to type {ir.DataType(to).name}")
    return inputs[0].astype(CASTS[to])


def _divide(node: ir.Node, inputs: Sequence[Array]) -> Array:
    a, b = inputs
    if np.issubdtype(a.dtype, np.integer):
        if not np.all(b):
            raise Refused("it divides a constant by zero")
        return np.asarray(np.trunc(a / b)).astype(a.dtype)
    return np.asarray(a / b)


def _elementwise(function: Callable[[Array, Array], Array]) -> Callable[[ir.Node, Sequence[Array]], Array]:
    def fold(node: ir.Node, inputs: Sequence[Array]) -> Array:
        check_size(np.broadcast_shapes(inputs[0].shape, inputs[1].shape), "its result")
        return np.asarray(function(inputs[0], inputs[1]))

    return fold


FOLDS: dict[str, Callable[[ir.Node, Sequence[Array]], Array]] = {
    "Gather": _gather,
    "Concat": _concat,
    "Slice": _slice,
    "ConstantOfShape": _filled,
    "Cast": _cast,
    "Div": _divide,
    "Add": _elementwise(np.add),
    "Sub": _elementwise(np.subtract),
    "Mul": _elementwise(np.multiply),
}


def fold(node: ir.Node, inputs: Sequence[Constant]) -> Constant | None:
    """Result of an operator on constants, None where it is not one that is folded here."""
    if node.op_type not in FOLDS:
        return None
    try:
        with np.errstate(all="ignore"):
            return Constant(FOLDS[node.op_type](node, [c.data for c in inputs]))
    except (ValueError, IndexError, TypeError) as error:
        raise Refused(f"its constant inputs do not fit: {error}", code="EW-MODEL-INVALID") from error
