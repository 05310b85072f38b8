"""The table of a chain of unary operators, in TFLite's own arithmetic where there is one."""

from __future__ import annotations

import re

import numpy as np

from edgewright.converter.lower.operands import Real, Step
from edgewright.converter.lower.scales import LARGEST_FACTOR, check_factor
from edgewright.converter.ops import tables
from edgewright.converter.ops.binary import Add, Mul
from edgewright.converter.ops.hard_swish import hard_swish
from edgewright.converter.ops.lookup import Lookup
from edgewright.converter.ops.requantize import NO_ACTIVATION, ActivationRange
from edgewright.converter.program import Array, Quantization


def narrowed(first: ActivationRange, then: ActivationRange) -> ActivationRange:
    """Bounds of one clamp after another."""

    def clip(value: float | None, is_low: bool) -> float | None:
        if value is None:
            return then[0] if is_low else then[1]
        if then[0] is not None:
            value = max(value, then[0])
        return value if then[1] is None else min(value, then[1])

    return clip(first[0], True), clip(first[1], False)


def lookup_for(x: Real, output: Quantization) -> Lookup:
    """Table of a chain of steps, in TFLite's own arithmetic where it is one operator that has one."""
    first, rest = x.steps[0], x.steps[1:]
    clamps = [s.activation for s in x.steps if s.activation is not None]
    activation = NO_ACTIVATION
    for bounds in clamps:
        activation = narrowed(activation, bounds)
    if len(clamps) == len(x.steps):
        return tables.relu(x.quantization, output, activation, _clamp_name(activation))
    if len(clamps) == len(rest) and (first.constant is not None or first.itself):
        return _binary_table(first, x.quantization, output, activation)
    if not rest:
        match first.op:
            case "Sigmoid":
                return tables.sigmoid(x.quantization, output)
            case "Tanh":
                return tables.tanh(x.quantization, output)
            case "HardSwish" if 128 * output.scale >= x.quantization.scale:
                return hard_swish(x.quantization, output)
            case "LeakyRelu" if abs(first.alpha) * x.quantization.scale < LARGEST_FACTOR * output.scale:
                return tables.leaky_relu(x.quantization, output, first.alpha)
            case "Abs" if x.quantization.scale < LARGEST_FACTOR * output.scale:
                return tables.absolute(x.quantization, output)
            case "Sqrt":
                return tables.sqrt(x.quantization, output)
            case "Log":
                return tables.log(x.quantization, output)
    name = "_".join(dict.fromkeys(_snake(s.op) for s in x.steps))
    return tables.unary(x.function, x.quantization, output, name)


def _clamp_name(bounds: ActivationRange) -> str:
    if bounds == (0.0, None):
        return "relu"
    return "relu6" if bounds == (0.0, 6.0) else "clip"


def _snake(op: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", op).lower()


def _binary_table(step: Step, x: Quantization, output: Quantization, activation: ActivationRange) -> Lookup:
    """Add, Sub or Mul with a quantized constant or with itself: the integer operator on every input."""
    every: Array = np.arange(-128, 128, dtype=np.int8).reshape(1, 1, 256)
    other, quantization = every, x
    if step.constant is not None:
        other, quantization = np.full((1, 1, 1), step.constant[0], np.int8), step.constant[1]
    operands = [(every, x), (other, quantization)]
    if step.constant_first:
        operands.reverse()
    (a, first), (b, second) = operands
    check_factor(first.scale * second.scale if step.op == "Mul" else max(first.scale, second.scale), output)
    op = (
        Mul.from_types(first, second, output, activation)
        if step.op == "Mul"
        else Add.from_types(first, second, output, activation, 1 if step.op == "Add" else -1)
    )
    return Lookup(op.golden(a, b).reshape(256), "int8", "int8", output, _snake(step.op))
