"""Slice, Split and Gather of evenly spaced indices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import onnx_ir as ir

from edgewright.converter.lower import attributes
from edgewright.converter.lower.context import Context
from edgewright.converter.lower.layout import cut_shape
from edgewright.converter.lower.moves import moved, order_and_cuts, run_of
from edgewright.converter.lower.operands import Operand, Real, Stored, viewed
from edgewright.converter.lower.problem import Refused
from edgewright.converter.lower.registry import lowers
from edgewright.converter.lower.views import normal_axes
from edgewright.converter.ops.slice import Slice
from edgewright.converter.program import Shape


def sliced(
    context: Context, node: ir.Node, x: Stored | Real, ranges: Mapping[int, range], name: str
) -> Stored | Real:
    """Indices of some axes; one Slice, or one an axis where three dimensions do not suffice."""
    ranges = {a: r for a, r in ranges.items() if r != range(x.placed.shape[a])}
    if not ranges:
        return x
    try:
        order_and_cuts(context, x.placed, tuple(ranges))
    except Refused:
        (first, taken), *rest = ranges.items()
        if not rest:
            raise
        return sliced(context, node, sliced(context, node, x, {first: taken}, name), dict(rest), name)
    axes, cuts = order_and_cuts(context, x.placed, tuple(ranges))
    hwc = cut_shape([x.placed.shape[a] for a in axes], cuts)
    taken_runs = {run_of(axes, cuts, a): r for a, r in ranges.items()}
    bounds = [taken_runs.get(i, range(n)) for i, n in enumerate(hwc)]
    begin, end, step = ((_triple([getattr(r, f) for r in bounds])) for f in ("start", "stop", "step"))
    result = tuple(len(ranges[a]) if a in ranges else n for a, n in enumerate(x.placed.shape))
    return moved(context, node, x, Slice(begin, end, step), (axes, hwc, result), name)


def _triple(values: Sequence[int]) -> Shape:
    a, b, c = values
    return a, b, c


@lowers("Slice")
def slice_(context: Context, node: ir.Node) -> Operand:
    """numpy's slicing; steps may be negative."""
    x = context.movable(node, 0)
    shape = x.placed.shape
    starts, ends = context.integers(node, 1, "starts"), context.integers(node, 2, "ends")
    given = context.integers(node, 3, "axes") if context.has(node, 3) else tuple(range(len(starts)))
    axes = normal_axes(given, len(shape))
    steps = context.integers(node, 4, "steps") if context.has(node, 4) else (1,) * len(starts)
    if not len(starts) == len(ends) == len(axes) == len(steps) or 0 in steps:
        raise Refused(
            f"starts {list(starts)}, ends {list(ends)}, axes {list(axes)}, steps {list(steps)}",
            code="EW-MODEL-INVALID",
        )
    ranges = {}
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        ranges[axis] = _taken(start, end, step, shape[axis])
    return sliced(context, node, x, ranges, context.result_name(node))


def _taken(start: int, end: int, step: int, size: int) -> range:
    """Indices of one axis; ONNX counts an end below -size as "before the first element"."""
    open_end = step < 0 and end < -size
    taken = range(*slice(start, None if open_end else end, step).indices(size))
    if not taken:
        raise Refused(f"slice {start}:{end}:{step} of {size} elements is empty", code="EW-MODEL-SHAPE")
    return range(taken[0], taken[-1] + (1 if step > 0 else -1), step)


@lowers("Split")
def split(context: Context, node: ir.Node) -> tuple[Operand, ...]:
    """One Slice for each part that is used."""
    x = context.movable(node, 0)
    shape = x.placed.shape
    (axis,) = normal_axes((attributes.integer(node, "axis", 0),), len(shape))
    if context.has(node, 1):
        sizes = context.integers(node, 1, "split")
    else:
        whole = -(-shape[axis] // len(node.outputs))
        sizes = tuple(min(whole, shape[axis] - i * whole) for i in range(len(node.outputs)))
    if sum(sizes) != shape[axis] or any(n < 1 for n in sizes) or len(sizes) != len(node.outputs):
        raise Refused(f"split {list(sizes)} of {shape[axis]} elements", code="EW-MODEL-INVALID")
    parts: list[Operand] = []
    for position, size in enumerate(sizes):
        start = sum(sizes[:position])
        used = node.outputs[position].uses() or node.outputs[position].is_graph_output()
        taken = {axis: range(start, start + size)}
        name = context.result_name(node, position)
        parts.append(sliced(context, node, x, taken, name) if used else x)
    return tuple(parts)


@lowers("Gather")
def gather(context: Context, node: ir.Node) -> Operand:
    """Constant, evenly spaced indices: a Slice; a single index drops the axis."""
    x = context.movable(node, 0)
    shape = x.placed.shape
    (axis,) = normal_axes((attributes.integer(node, "axis", 0),), len(shape))
    indices = context.constant(node, 1, "index").data
    wanted = context.integers(node, 1, "index")
    if any(not -shape[axis] <= i < shape[axis] for i in wanted) or not wanted:
        raise Refused(f"indices {list(wanted)} of {shape[axis]} elements", code="EW-MODEL-INVALID")
    wanted = tuple(i % shape[axis] for i in wanted)
    step = wanted[1] - wanted[0] if len(wanted) > 1 else 1
    taken = range(wanted[0], wanted[-1] + (1 if step > 0 else -1), step) if step else range(0)
    if tuple(taken) != wanted:
        raise Refused(f"its indices {list(wanted)} are not evenly spaced", "use Slice and Concat")
    made = sliced(context, node, x, {axis: taken}, context.result_name(node))
    if indices.ndim == 1:
        return made
    rest = (*shape[:axis], *shape[axis + 1 :])
    return viewed(made, lambda v: v.reshape(rest))
