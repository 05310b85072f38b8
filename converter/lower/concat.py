"""Concat."""

from __future__ import annotations

import onnx_ir as ir

from edgewright.converter.lower import attributes
from edgewright.converter.lower.context import Context
from edgewright.converter.lower.layout import check_size, cut_shape, stored_index
from edgewright.converter.lower.moves import order_and_cuts, part_of, run_of
from edgewright.converter.lower.operands import Operand, Pending, Placed, Real, Stored
from edgewright.converter.lower.problem import Refused
from edgewright.converter.lower.registry import lowers
from edgewright.converter.lower.views import normal_axes
from edgewright.converter.ops.concat import Concat
from edgewright.converter.ops.requantize import ActivationRange, quantized_clamp
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

    def join(output_name: str, output: Quantization) -> str:
        values = []
        for part in parts:
            hwc = cut_shape([part.placed.shape[a] for a in axes], cuts)
            value = context.builder.arrange(part.placed, axes, hwc)
            values.append(_as_output(context, part, value, output))
        return context.builder.add(op, tuple(values), output_name, name)

    if isinstance(parts[0], Stored):
        first = context.builder.values[parts[0].placed.value].quantization
        assert first is not None
        made = join(context.result_name(node), first)
        return Stored(Placed(made, index), parts[0].unsigned)
    quantizations = {p.quantization for p in parts if isinstance(p, Real)}
    if len(quantizations) == 1:
        (only,) = quantizations
        return Real(Placed(join(context.result_name(node), only), index), only)

    def emit(output_name: str, output: Quantization, activation: ActivationRange) -> str:
        if quantized_clamp(activation, output) != (-128, 127):
            raise Refused("an activation follows a Concat of different quantizations", "quantize in between")
        return join(output_name, output)

    return Pending(name, index, emit)


def _as_output(context: Context, part: Stored | Real, value: str, output: Quantization) -> str:
    """A part of a Concat in the quantization of its result."""
    if isinstance(part, Stored):
        return context.builder.reinterpreted(value, output)
    return context.builder.requantized(value, output, f"{value}/requantize", f"{value}/requantize")
