"""Pad with a constant."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import onnx_ir as ir

from edgewright.converter.lower import attributes
from edgewright.converter.lower.context import Context
from edgewright.converter.lower.layout import check_size, cut_shape
from edgewright.converter.lower.moves import moved, order_and_cuts, part_of, run_of
from edgewright.converter.lower.operands import Constant, Operand, Real, Stored
from edgewright.converter.lower.problem import Refused
from edgewright.converter.lower.registry import lowers
from edgewright.converter.lower.views import normal_axes
from edgewright.converter.ops.base import Padding
from edgewright.converter.ops.pad import Pad


@lowers("Pad")
def pad(context: Context, node: ir.Node) -> Operand:
    """Constant padding; the value is quantized like the input."""
    x = part_of(context, node, 0)
    mode = attributes.text(node, "mode", "constant")
    if mode != "constant":
        raise Refused(f"its mode is {mode}", "use constant padding")
    shape = x.placed.shape
    given = context.integers(node, 3, "axes") if context.has(node, 3) else tuple(range(len(shape)))
    axes, pads = normal_axes(given, len(shape)), context.integers(node, 1, "pads")
    if len(pads) != 2 * len(axes):
        raise Refused(f"{len(pads)} pads for {len(axes)} axes", code="EW-MODEL-INVALID")
    if any(p < 0 for p in pads):
        raise Refused(f"its pads {list(pads)} are negative", "use Slice to remove elements")
    widths = {a: (pads[i], pads[i + len(axes)]) for i, a in enumerate(axes)}
    result = [n + sum(widths.get(a, (0, 0))) for a, n in enumerate(shape)]
    check_size(result, "its result")
    return _padded(context, node, x, widths, _pad_value(context, node, x))


def _pad_value(context: Context, node: ir.Node, x: Stored | Real) -> int:
    """int8 value of the new elements."""
    given = context.constant(node, 2, "value") if context.has(node, 2) else Constant(np.zeros((), np.float32))
    if given.data.size != 1 or not np.isfinite(given.data.astype(np.float64)).all():
        raise Refused("its value is not one number", code="EW-MODEL-INVALID")
    value = float(given.data.reshape(()))
    if isinstance(x, Stored):
        return int(value) - (128 if x.unsigned else 0)
    ratio = np.rint(np.float32(value) / np.float32(x.quantization.scale))
    return int(np.clip(float(ratio) + x.quantization.zero_point, -128, 127))


def _padded(
    context: Context, node: ir.Node, x: Stored | Real, widths: Mapping[int, tuple[int, int]], value: int
) -> Stored | Real:
    """One Pad, or one an axis where three dimensions do not suffice."""
    widths = {a: w for a, w in widths.items() if w != (0, 0)}
    if not widths:
        return x
    try:
        axes, cuts = order_and_cuts(context, x.placed, tuple(widths))
    except Refused:
        (first, width), *rest = widths.items()
        if not rest:
            raise
        once = _padded(context, node, x, {first: width}, value)
        return _padded(context, node, once, dict(rest), value)
    runs = {run_of(axes, cuts, a): w for a, w in widths.items()}
    (top, bottom), (left, right), (before, after) = (runs.get(i, (0, 0)) for i in range(3))
    op = Pad(Padding(top, bottom, left, right), before, after, value)
    hwc = cut_shape([x.placed.shape[a] for a in axes], cuts)
    result = tuple(n + sum(widths.get(a, (0, 0))) for a, n in enumerate(x.placed.shape))
    return moved(context, node, x, op, (axes, hwc, result), context.result_name(node))
