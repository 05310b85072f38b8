"""Element-wise integer operators of two tensors: common order, broadcasting, constants."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from edgewright.converter.lower.attributes import node_name
from edgewright.converter.lower.context import CALIBRATE_HINT, Context
from edgewright.converter.lower.layout import (
    Axes,
    Index,
    axes_of,
    check_size,
    cut,
    cut_shape,
    stored_index,
)
from edgewright.converter.lower.operands import Constant, Pending, Placed, Real
from edgewright.converter.lower.ports import default_axes, value_shape
from edgewright.converter.lower.problem import Refused
from edgewright.converter.lower.scales import stored_quantization
from edgewright.converter.ops.base import OpKind
from edgewright.converter.ops.binary import Add, Mul
from edgewright.converter.ops.requantize import ActivationRange
from edgewright.converter.program import Array, Quantization, Shape


@dataclass(frozen=True, eq=False)
class Side:
    """One operand.

    Args:
        shape: ONNX shape.
        quantization: Of the int8 elements.
        placed: Where they are, for an activation.
        constant: The elements, int8 of `shape`, for a constant.
    """

    shape: tuple[int, ...]
    quantization: Quantization
    placed: Placed | None = None
    constant: Array | None = None

    def extended(self, rank: int) -> Side:
        """The same with leading dimensions of 1."""
        shape = (1,) * (rank - len(self.shape)) + self.shape
        placed = None if self.placed is None else Placed(self.placed.value, self.placed.index.reshape(shape))
        constant = None if self.constant is None else self.constant.reshape(shape)
        return Side(shape, self.quantization, placed, constant)

    def ordered(self, order: Index) -> Side:
        """The elements as one dimension, in the order of flat positions."""
        placed = None if self.placed is None else Placed(self.placed.value, self.placed.index.ravel()[order])
        constant = None if self.constant is None else self.constant.ravel()[order]
        return Side((order.size,), self.quantization, placed, constant)

    def value(self, context: Context, axes: Axes, shape: Shape, name: str) -> str:
        """Value holding the elements in the order of `axes`."""
        if self.placed is not None:
            return context.builder.arrange(self.placed, axes, shape)
        assert self.constant is not None
        data = self.constant.transpose(axes).reshape(shape)
        return context.builder.add_constant(f"{name}/constant", data, self.quantization)


def activation_side(x: Real) -> Side:
    """A dequantized activation as an operand."""
    return Side(x.placed.shape, x.quantization, placed=x.placed)


def constant_side(constant: Constant) -> Side:
    """A dequantized 8-bit constant as an operand."""
    stored = constant.quantized
    if stored is None or stored.values.dtype not in (np.int8, np.uint8) or stored.scale.size != 1:
        raise Refused("its constant is not quantized per tensor to 8 bits", CALIBRATE_HINT)
    offset = 128 if stored.values.dtype == np.uint8 else 0
    values = (stored.values.astype(np.int16) - offset).astype(np.int8)
    quantization = stored_quantization(stored.scale, stored.zero_point.reshape(()), offset > 0)
    return Side(values.shape, quantization, constant=values)


@dataclass(frozen=True, eq=False)
class _Plan:
    """Operands brought to one order: `axes` of each, their shapes as values, the result's index."""

    sides: tuple[Side, Side]
    axes: Axes
    shapes: tuple[Shape, Shape]
    index: Index


def integer_binary(context: Context, node: ir.Node, a: Side, b: Side) -> Pending:
    """Add, Sub or Mul of two operands, one of them possibly broadcast."""
    try:
        shape = np.broadcast_shapes(a.shape, b.shape)
    except ValueError as error:
        raise Refused(
            f"{list(a.shape)} and {list(b.shape)} do not broadcast", code="EW-MODEL-INVALID"
        ) from error
    check_size(shape, "its result")
    a, b = a.extended(len(shape)), b.extended(len(shape))
    plan = _same_shape(context, a, b) if a.shape == b.shape else _broadcast(context, a, b, shape)
    name = node_name(node)
    operands = zip(plan.sides, plan.shapes, strict=True)
    first, second = (side.value(context, plan.axes, hwc, name) for side, hwc in operands)

    def emit(output_name: str, output: Quantization, activation: ActivationRange) -> str:
        op = _op(node.op_type, a.quantization, b.quantization, output, activation)
        return context.builder.add(op, (first, second), output_name, name)

    scales = (a.quantization.scale, b.quantization.scale)
    scale = scales[0] * scales[1] if node.op_type == "Mul" else max(scales)
    return Pending(name, plan.index, scale, emit)


def _op(
    op_type: str, a: Quantization, b: Quantization, output: Quantization, activation: ActivationRange
) -> OpKind:
    if op_type == "Mul":
        return Mul.from_types(a, b, output, activation)
    return Add.from_types(a, b, output, activation, 1 if op_type == "Add" else -1)


def _same_shape(context: Context, a: Side, b: Side) -> _Plan:
    """Element by element in the order of one activation; a differing other one is transposed."""
    leader = a.placed or b.placed
    assert leader is not None
    order = np.argsort(leader.index.ravel()).astype(np.int32)
    shape = context.builder.values[leader.value].shape
    return _Plan((a.ordered(order), b.ordered(order)), (0,), (shape, shape), leader.index)


def _broadcast(context: Context, a: Side, b: Side, shape: tuple[int, ...]) -> _Plan:
    """Dimensions in the order of the full-sized activation, cut into rows, columns and channels."""
    leaders = [s.placed for s in (a, b) if s.placed is not None and s.shape == shape]
    axes = axes_of(leaders[0].index) if leaders else None
    if axes is None:
        axes = default_axes(len(shape))
        prefer = value_shape(shape, axes)
    else:
        prefer = context.builder.values[leaders[0].value].shape
    sizes = [shape[i] for i in axes]
    keys = [(a.shape[i] == 1, b.shape[i] == 1) for i in axes]
    cuts = cut(sizes, keys, (), prefer)
    if cuts is None:
        raise Refused(
            f"{list(a.shape)} and {list(b.shape)} alternate between repeated and own dimensions",
            "reshape the operands so that they broadcast along at most three dimensions",
        )
    first, second = (cut_shape([s.shape[i] for i in axes], cuts) for s in (a, b))
    return _Plan((a, b), axes, (first, second), stored_index(shape, axes))
