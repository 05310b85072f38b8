"""Concat."""

from __future__ import annotations

import onnx_ir as ir

from edgewright.converter.lower import attributes
from edgewright.converter.lower.builder import Builder
from edgewright.converter.lower.context import Context
from edgewright.converter.lower.layout import check_size, cut_shape, stored_index
from edgewright.converter.lower.moves import order_and_cuts, part_of, run_of
from edgewright.converter.lower.operands import Operand, Pending, Placed, Real, Stored
from edgewright.converter.lower.problem import Refused
from edgewright.converter.lower.registry import lowers
from edgewright.converter.lower.views import normal_axes
from edgewright.converter.ops import tables
from edgewright.converter.ops.concat import Concat
from edgewright.converter.ops.requantize import NO_ACTIVATION, ActivationRange
from edgewright.converter.program import Quantization


@lowers("Concat")
def concat(context: Context, node: ir.Node) -> Operand:
    """Joined at once where all inputs have one quantization; else each is requantized to the output's."""
    parts = [part_of(context, node, i) for i in range(len(node.inputs))]
    shapes = [p.placed.shape for p in parts]
    (axis,) = normal_axes((attributes.integer(node, "axis", 0),), len(shapes[0]))
    if any(s[:axis] + s[axis + 1 :] != shapes[0][:axis] + shapes[0][axis + 1 :] for s in shapes):
        raise Refused(f"shapes {[list(s) for s in shapes]} along axis {axis}", code="EW-MODEL-INVALID")
    result = (*shapes[0][:axis], sum(s[axis] for s in shapes), *shapes[0][axis + 1 :])
    check_size(result, "its result")
    axes, cuts = order_and_cuts(context, parts[0].placed, (axis,))
    op, name = Concat(run_of(axes, cuts, axis)), attributes.node_name(node)
    index = stored_index(result, axes)

    builder = context.builder
    shapes_stored = (cut_shape([p.placed.shape[a] for a in axes], cuts) for p in parts)
    values = [builder.arrange(p.placed, axes, hwc) for p, hwc in zip(parts, shapes_stored, strict=True)]
    current = [builder.values[v].quantization for v in values]

    if isinstance(parts[0], Stored):
        # The integers are joined, whatever they mean: the first part says how they are read.
        same = [builder.reinterpreted(v, current[0]) for v in values if current[0] is not None]
        made = builder.add(op, tuple(same), context.result_name(node), name)
        return Stored(Placed(made, index), parts[0].unsigned)
    if len(set(current)) == 1 and current[0] is not None:
        made = builder.add(op, tuple(values), context.result_name(node), name)
        return Real(Placed(made, index), current[0])

    def emit(output_name: str, output: Quantization, activation: ActivationRange) -> str:
        same = [_as_output(builder, value, output, activation) for value in values]
        return builder.add(op, tuple(same), output_name, name)

    return Pending(name, index, max(q.scale for q in current if q is not None), emit)


def _as_output(builder: Builder, value: str, output: Quantization, activation: ActivationRange) -> str:
    """A part in the quantization of the result, clamped like it."""
    current = builder.values[value].quantization
    if current is None or activation == NO_ACTIVATION:
        return builder.requantized(value, output, f"{value}/requantize", f"{value}/requantize")
    return builder.lookup(tables.relu(current, output, activation), value, f"{value}/clip", f"{value}/clip")
