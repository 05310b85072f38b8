"""What the operators share that copy elements and keep their quantization."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import onnx_ir as ir

from edgewright.converter.lower import attributes
from edgewright.converter.lower.context import Context
from edgewright.converter.lower.layout import Axes, Cuts, axes_of, check_size, cut, stored_index
from edgewright.converter.lower.operands import Placed, Real, Stored
from edgewright.converter.lower.ports import default_axes
from edgewright.converter.lower.problem import Refused
from edgewright.converter.ops.base import OpKind
from edgewright.converter.program import Shape


def order_and_cuts(context: Context, placed: Placed, kept: Sequence[int]) -> tuple[Axes, Cuts]:
    """Storage order of a tensor, and where to cut it so that each of the axes `kept` stays apart.

    The tensor's own order is used where it has one and three dimensions suffice, else that of its
    rank's default layout.
    """
    shape = placed.shape
    for axes in (axes_of(placed.index), default_axes(len(shape)), tuple(range(len(shape)))):
        if axes is None:
            continue
        positions = [axes.index(a) for a in kept]
        keys = [a if a in kept else -1 for a in axes]
        prefer = context.builder.values[placed.value].shape
        cuts = cut([shape[a] for a in axes], keys, positions, prefer)
        if cuts is not None:
            return axes, cuts
    raise Refused(f"axes {list(kept)} of {list(shape)} cannot be told apart in three dimensions")


def run_of(axes: Axes, cuts: Cuts, axis: int) -> int:
    """Which of rows, columns and channels an axis lies in."""
    position = axes.index(axis)
    return sum(position >= c for c in cuts)


def moved(
    context: Context,
    node: ir.Node,
    x: Stored | Real,
    op: OpKind,
    layout: tuple[Axes, Shape, tuple[int, ...]],
    name: str,
) -> Stored | Real:
    """Apply an operator that keeps the storage order; layout is (order, input shape, ONNX result shape)."""
    axes, hwc, result = layout
    check_size(result, "its result")
    value = context.builder.arrange(x.placed, axes, hwc)
    made = context.builder.add(op, (value,), name, attributes.node_name(node))
    return replace(x, placed=Placed(made, stored_index(result, axes)))


def part_of(context: Context, node: ir.Node, position: int) -> Stored | Real:
    found = context.operand(node, position)
    if isinstance(found, Stored):
        return found
    return context.real(node, position)
