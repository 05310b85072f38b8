"""Add, Sub, Mul and the operators that, with a constant, are functions of one element."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import onnx_ir as ir

from edgewright.converter.lower.attributes import node_name
from edgewright.converter.lower.context import Context
from edgewright.converter.lower.integer_binary import activation_side, constant_side, integer_binary
from edgewright.converter.lower.operands import Constant, Operand, Pending, Placed, Real, Step
from edgewright.converter.lower.problem import Refused
from edgewright.converter.lower.registry import lowers

FUNCTIONS: dict[str, Callable[[Any, Any], Any]] = {
    "Add": np.add,
    "Sub": np.subtract,
    "Mul": np.multiply,
    "Div": np.divide,
    "Pow": np.power,
    "Max": np.maximum,
    "Min": np.minimum,
}


@lowers(*FUNCTIONS)
def binary(context: Context, node: ir.Node) -> Operand:
    """Two activations, or an activation and a constant."""
    if len(node.inputs) != 2:
        raise Refused(f"it has {len(node.inputs)} inputs", "use operators of two inputs")
    a, b = context.operand(node, 0), context.operand(node, 1)
    if isinstance(b, Constant) and not isinstance(a, Constant):
        return _with_constant(context, node, 0, b)
    if isinstance(a, Constant) and not isinstance(b, Constant):
        return _with_constant(context, node, 1, a)
    x, y = context.real_or_steps(node, 0), context.real_or_steps(node, 1)
    if _same_source(x, y):
        return _joined(node, x, y)
    if node.op_type not in ("Add", "Sub", "Mul"):
        raise Refused("both its operands are activations", "use Add, Sub or Mul, or a constant operand")
    sides = (activation_side(context.real(node, 0)), activation_side(context.real(node, 1)))
    return integer_binary(context, node, *sides)


def _same_source(a: Real, b: Real) -> bool:
    same = a.placed.value == b.placed.value and a.quantization == b.quantization
    return same and np.array_equal(a.placed.index, b.placed.index)


def _joined(node: ir.Node, a: Real, b: Real) -> Real:
    """Two functions of the same tensor joined by an operator, e.g. x * sigmoid(x)."""
    f, g, join = a.function, b.function, FUNCTIONS[node.op_type]
    step = Step(node.op_type, itself=not a.steps and not b.steps)
    steps = (*a.steps, *(s for s in b.steps if s not in a.steps), step)
    return replace(a, steps=steps, function=lambda x: join(f(x), g(x)), node=node_name(node))


def _with_constant(context: Context, node: ir.Node, position: int, constant: Constant) -> Operand:
    """`position` is that of the activation."""
    operand = context.operand(node, position)
    if isinstance(operand, Pending) and operand.with_bias is not None and node.op_type == "Add":
        grown = np.broadcast_shapes(operand.index.shape, constant.data.shape)
        if grown == operand.index.shape:
            return operand.with_bias(constant)
    x = context.real_or_steps(node, position)
    if constant.data.size == 1:
        return _scalar(node, x, constant, constant_first=position == 1)
    if node.op_type not in ("Add", "Sub", "Mul"):
        raise Refused(f"its constant has {constant.data.size} elements", "use a scalar")
    sides = [activation_side(context.real(node, position)), constant_side(constant)]
    return integer_binary(context, node, *(sides if position == 0 else reversed(sides)))


def _scalar(node: ir.Node, x: Real, constant: Constant, *, constant_first: bool) -> Operand:
    """One more step of a unary chain."""
    value, op = float(constant.data.reshape(())), node.op_type
    shape = np.broadcast_shapes(x.placed.shape, constant.data.shape)
    x = replace(x, placed=Placed(x.placed.value, x.placed.index.reshape(shape)))
    function = FUNCTIONS[op]
    bounds = {"Max": (value, None), "Min": (None, value)}.get(op)
    exact = None
    if op in ("Add", "Sub", "Mul") and constant.quantized is not None:
        side = constant_side(constant)
        exact = (int(side.constant.reshape(())), side.quantization) if side.constant is not None else None
    step = Step(
        op,
        activation=bounds,
        constant=exact,
        constant_first=constant_first,
        scale_by=value if op == "Mul" else None,
    )
    if constant_first:
        return x.then(step, lambda v: function(value, v), node_name(node))
    return x.then(step, lambda v: function(v, value), node_name(node))
