"""Softmax over one axis."""

from __future__ import annotations

import math

import onnx_ir as ir

from edgewright.converter.lower import attributes
from edgewright.converter.lower.context import Context
from edgewright.converter.lower.layout import axes_of, stored_index
from edgewright.converter.lower.operands import Pending, Real
from edgewright.converter.lower.problem import Refused
from edgewright.converter.lower.registry import lowers
from edgewright.converter.lower.views import normal_axes
from edgewright.converter.ops.requantize import ActivationRange
from edgewright.converter.ops.softmax import OUTPUT, Softmax
from edgewright.converter.program import Quantization


@lowers("Softmax")
def softmax(context: Context, node: ir.Node) -> Pending:
    """exp(beta * x) / sum of exp(beta * x); beta is a multiplication by a constant before it.

    The integer operator's result has scale 1/256; another output quantization is a table behind it,
    and a finer one does not make the result finer.
    """
    x, beta = _scaled_input(context, node)
    shape = x.placed.shape
    (axis,) = normal_axes((attributes.integer(node, "axis", -1),), len(shape))
    stored = axes_of(x.placed.index) or tuple(range(len(shape)))
    axes = (*(a for a in stored if a != axis), axis)
    op = Softmax.from_scale(x.quantization.scale, beta)
    rows, name = x.placed.index.size // shape[axis], attributes.node_name(node)

    current = context.builder.values[x.placed.value].shape
    wanted = current if current[2] == shape[axis] else (rows, 1, shape[axis])
    value = context.builder.arrange(x.placed, axes, wanted)

    def emit(output_name: str, output: Quantization, activation: ActivationRange) -> str:
        return context.builder.add_finished(op, (value,), output, activation, output_name, name)

    return Pending(name, stored_index(shape, axes), OUTPUT.scale, emit)


def _scaled_input(context: Context, node: ir.Node) -> tuple[Real, float]:
    """(the dequantized input, beta)."""
    x = context.real_or_steps(node, 0)
    if len(x.steps) == 1 and x.steps[0].scale_by is not None:
        beta = x.steps[0].scale_by
        if not math.isfinite(beta) or beta <= 0:
            raise Refused(f"its input is multiplied by {beta}", "use a positive factor")
        return Real(x.placed, x.quantization), beta
    return context.real(node, 0), 1.0
