"""ADD, SUB, MUL and other functions of two tensors that broadcast."""

from __future__ import annotations

from collections.abc import Callable

import onnx_ir as ir
import tflite

from edgewright.converter.importers.tflite_format.conversion import Conversion
from edgewright.converter.importers.tflite_format.flatbuffer import damaged
from edgewright.converter.importers.tflite_format.refusal import refused
from edgewright.converter.importers.tflite_format.schema import Operator
from edgewright.converter.importers.tflite_format.tensors import PERMUTATION, Layout


def binary(op_type: str, options: type | None = None) -> Callable[[Operator, Conversion], None]:
    """Conversion to an ONNX operator of two inputs; `options` hold a fused activation."""

    def convert(op: Operator, c: Conversion) -> None:
        layout = c.layout_for(op, (0, 1))
        result = c.node(op, op_type, [operand(op, c, 0, layout), operand(op, c, 1, layout)])
        activation = 0 if options is None else op.option(options, "FusedActivationFunction")
        c.finish(op, result, layout, activation)

    return convert


def squared_difference(op: Operator, c: Conversion) -> None:
    """(a - b)²."""
    layout = c.layout_for(op, (0, 1))
    difference = c.node(op, "Sub", [operand(op, c, 0, layout), operand(op, c, 1, layout)], part="difference")
    c.finish(op, c.node(op, "Mul", [difference, difference]), layout)


def operand(op: Operator, c: Conversion, position: int, layout: Layout) -> ir.Value:
    """An operand in a layout; a constant of fewer dimensions gets leading ones first."""
    tensor = c.tensor(op, position)
    rank = len(tensor.shape)
    if layout is Layout.SOURCE or rank in (0, 4):
        return c.values.real(op, tensor.index, layout if rank == 4 else Layout.SOURCE)
    if rank > 4:
        raise damaged(op.label, f"{tensor.label} has {rank} dimensions, its output 4")
    if tensor.scales.size > 1:
        raise refused(op, f"{tensor.label} has {tensor.scales.size} scales", tensor)
    data = c.values.constant(op, tensor.index, "an operand")
    data = data.reshape((1,) * (4 - rank) + tensor.shape).transpose(PERMUTATION[layout])
    return c.values.real_constant(op, tensor.index, data, axis=0)


ADD = binary("Add", tflite.AddOptions)
SUB = binary("Sub", tflite.SubOptions)
MUL = binary("Mul", tflite.MulOptions)
DIV = binary("Div", tflite.DivOptions)
