"""Operators that only rename elements: Reshape, Transpose and their kin. They move no data."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np
import onnx_ir as ir

from edgewright.converter.lower import attributes
from edgewright.converter.lower.context import Context
from edgewright.converter.lower.operands import Operand, shape_of, viewed
from edgewright.converter.lower.problem import Refused, Skipped
from edgewright.converter.lower.registry import lowers


def _input(context: Context, node: ir.Node) -> tuple[Operand, tuple[int, ...]]:
    operand = context.operand(node, 0)
    shape = shape_of(operand)
    if shape is None:
        raise Skipped
    return operand, shape


def normal_axes(axes: Sequence[int], rank: int) -> tuple[int, ...]:
    """Axes counted from the front, checked.

    Raises:
        Refused: For an axis out of range or given twice.
    """
    if any(not -rank <= a < rank for a in axes) or len({a % rank for a in axes}) != len(axes):
        raise Refused(f"axes {list(axes)} of a tensor of rank {rank}", code="EW-MODEL-INVALID")
    return tuple(a % rank for a in axes)


def _reshaped(operand: Operand, before: tuple[int, ...], after: Sequence[int]) -> Operand:
    if prod(before) != prod(after) or any(n < 0 for n in after):
        raise Refused(f"{list(before)} does not reshape to {list(after)}", code="EW-MODEL-INVALID")
    return viewed(operand, lambda x: x.reshape(tuple(after)))


@lowers("Reshape")
def reshape(context: Context, node: ir.Node) -> Operand:
    """-1 is the rest; 0 copies the dimension unless `allowzero`."""
    operand, before = _input(context, node)
    wanted = list(context.integers(node, 1, "shape"))
    if not attributes.integer(node, "allowzero", 0):
        if any(n == 0 and i >= len(before) for i, n in enumerate(wanted)):
            raise Refused(f"{list(before)} does not reshape to {wanted}", code="EW-MODEL-INVALID")
        wanted = [before[i] if n == 0 else n for i, n in enumerate(wanted)]
    if wanted.count(-1) == 1:
        rest = prod(n for n in wanted if n != -1)
        wanted[wanted.index(-1)] = prod(before) // rest if rest else 0
    return _reshaped(operand, before, wanted)


@lowers("Flatten")
def flatten(context: Context, node: ir.Node) -> Operand:
    """To two dimensions, split before `axis`."""
    operand, before = _input(context, node)
    axis = attributes.integer(node, "axis", 1)
    if not -len(before) <= axis <= len(before):
        raise Refused(f"axis {axis} of a tensor of rank {len(before)}", code="EW-MODEL-INVALID")
    axis += len(before) if axis < 0 else 0
    return _reshaped(operand, before, (prod(before[:axis]), prod(before[axis:])))


@lowers("Squeeze")
def squeeze(context: Context, node: ir.Node) -> Operand:
    """Without the given dimensions of one element, or all of them."""
    operand, before = _input(context, node)
    if context.has(node, 1):
        axes = normal_axes(context.integers(node, 1, "axes"), len(before))
    else:
        axes = tuple(i for i, n in enumerate(before) if n == 1)
    return _reshaped(operand, before, [n for i, n in enumerate(before) if i not in axes])


@lowers("Unsqueeze")
def unsqueeze(context: Context, node: ir.Node) -> Operand:
    """With dimensions of one element inserted."""
    operand, before = _input(context, node)
    given = context.integers(node, 1, "axes")
    rank = len(before) + len(given)
    axes, sizes = normal_axes(given, rank), iter(before)
    return _reshaped(operand, before, [1 if i in axes else next(sizes) for i in range(rank)])


@lowers("Transpose")
def transpose(context: Context, node: ir.Node) -> Operand:
    """Axes permuted; reversed where no permutation is given."""
    operand, before = _input(context, node)
    rank = len(before)
    axes = normal_axes(attributes.integers(node, "perm", tuple(range(rank))[::-1]), rank)
    if len(axes) != rank:
        raise Refused(f"perm {list(axes)} of a tensor of rank {rank}", code="EW-MODEL-INVALID")
    return viewed(operand, lambda x: x.transpose(axes))


@lowers("Expand")
def expand(context: Context, node: ir.Node) -> Operand:
    """Supported where nothing is repeated: new dimensions of one element."""
    operand, before = _input(context, node)
    try:
        after = np.broadcast_shapes(before, context.integers(node, 1, "shape"))
    except ValueError as error:
        raise Refused(f"{list(before)} does not expand: {error}", code="EW-MODEL-INVALID") from error
    if prod(after) != prod(before):
        raise Refused(f"it repeats elements, {list(before)} to {list(after)}", "leave it to broadcasting")
    return _reshaped(operand, before, after)


@lowers("Identity", "Dropout")
def identity(context: Context, node: ir.Node) -> Operand:
    """The input itself (Dropout outside training)."""
    if len(node.outputs) > 1 and node.outputs[1].uses():
        raise Refused("the mask of a Dropout is used", "export the model for inference")
    return context.operand(node, 0)
