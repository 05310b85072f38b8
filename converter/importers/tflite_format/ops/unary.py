"""Functions of one tensor, element by element."""

from __future__ import annotations

from collections.abc import Callable

import tflite

from edgewright.converter.importers.tflite_format.conversion import Conversion
from edgewright.converter.importers.tflite_format.schema import Operator


def unary(*op_types: str) -> Callable[[Operator, Conversion], None]:
    """Conversion to ONNX operators applied one after the other."""

    def convert(op: Operator, c: Conversion) -> None:
        layout = c.layout_for(op, (0,))
        value = c.real(op, 0, layout)
        for op_type in op_types[:-1]:
            value = c.node(op, op_type, [value], part=op_type.lower())
        c.finish(op, c.node(op, op_types[-1], [value]), layout)

    return convert


def clip(low: float, high: float) -> Callable[[Operator, Conversion], None]:
    """Conversion to a Clip with fixed limits."""

    def convert(op: Operator, c: Conversion) -> None:
        layout = c.layout_for(op, (0,))
        limits = [c.float_constant(op, "min", low), c.float_constant(op, "max", high)]
        c.finish(op, c.node(op, "Clip", [c.real(op, 0, layout), *limits]), layout)

    return convert


def leaky_relu(op: Operator, c: Conversion) -> None:
    """x where x >= 0, alpha * x elsewhere."""
    layout = c.layout_for(op, (0,))
    options = op.options(tflite.LeakyReluOptions)
    alpha = 0.0 if options is None else options.real("Alpha")
    c.finish(op, c.node(op, "LeakyRelu", [c.real(op, 0, layout)], {"alpha": alpha}), layout)


def gelu(op: Operator, c: Conversion) -> None:
    """x * Φ(x), or its approximation with tanh."""
    layout = c.layout_for(op, (0,))
    approximate = "tanh" if op.option(tflite.GeluOptions, "Approximate") else "none"
    c.finish(op, c.node(op, "Gelu", [c.real(op, 0, layout)], {"approximate": approximate}), layout)


def square(op: Operator, c: Conversion) -> None:
    """x²."""
    layout = c.layout_for(op, (0,))
    value = c.real(op, 0, layout)
    c.finish(op, c.node(op, "Mul", [value, value]), layout)
