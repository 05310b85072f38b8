"""SOFTMAX with its beta, and LOG_SOFTMAX: over the last dimension."""

from __future__ import annotations

import tflite

from edgewright.converter.importers.tflite_format.conversion import Conversion
from edgewright.converter.importers.tflite_format.schema import Operator


def softmax(op: Operator, c: Conversion) -> None:
    """exp(beta * x) / sum(exp(beta * x))."""
    options = op.options(tflite.SoftmaxOptions)
    beta = 1.0 if options is None else options.real("Beta")
    x = c.real(op, 0)
    if beta != 1.0:
        x = c.node(op, "Mul", [x, c.float_constant(op, "beta", beta)], part="beta")
    c.finish(op, c.node(op, "Softmax", [x], {"axis": -1}))


def log_softmax(op: Operator, c: Conversion) -> None:
    """The logarithm of the softmax."""
    c.finish(op, c.node(op, "LogSoftmax", [c.real(op, 0)], {"axis": -1}))
