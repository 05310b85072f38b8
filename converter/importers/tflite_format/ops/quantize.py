"""QUANTIZE (from float, or from another quantization) and DEQUANTIZE."""

from __future__ import annotations

from edgewright.converter.importers.tflite_format.conversion import Conversion
from edgewright.converter.importers.tflite_format.refusal import refused
from edgewright.converter.importers.tflite_format.schema import Operator
from edgewright.converter.importers.tflite_format.tensors import QUANTIZED


def quantize(op: Operator, c: Conversion) -> None:
    """QuantizeLinear, of a float tensor or of a dequantized one."""
    output = c.output(op)
    if output.dtype not in QUANTIZED:
        raise refused(op, f"its output {output.label} is {output.dtype}", output)
    layout = c.layout_for(op, (0,))
    c.finish(op, c.real(op, 0, layout), layout)


def dequantize(op: Operator, c: Conversion) -> None:
    """DequantizeLinear; of a constant (compressed weights) it is left to whoever reads it."""
    if c.values.alias_constant(op, c.output(op).index, c.input(op, 0)):
        return
    tensor = c.tensor(op, 0)
    if tensor.dtype not in QUANTIZED:
        raise refused(op, f"{tensor.label} is {tensor.dtype}", tensor)
    layout = c.layout_for(op, (0,))
    c.finish(op, c.values.fresh_real(op, tensor.index, layout), layout)
