"""FULLY_CONNECTED -> Gemm, or MatMul and Add where leading dimensions are kept."""

from __future__ import annotations

import tflite

from edgewright.converter.importers.tflite_format.conversion import Conversion
from edgewright.converter.importers.tflite_format.flatbuffer import damaged
from edgewright.converter.importers.tflite_format.ops.conv import bias
from edgewright.converter.importers.tflite_format.refusal import refused
from edgewright.converter.importers.tflite_format.schema import Operator


def fully_connected(op: Operator, c: Conversion) -> None:
    """[…, I] times weights [O, I]; the input is flattened to [N, I] unless dimensions are kept."""
    options = op.options(tflite.FullyConnectedOptions)
    if options is None:
        raise damaged(op.label, "it has no options")
    if options.number("WeightsFormat") != 0:
        raise refused(op, "its weights are shuffled for one kind of processor")
    weights = c.tensor(op, 1)
    data = c.values.constant(op, weights.index, "the weights")
    if data.ndim != 2 or not data.size:
        raise damaged(op.label, f"weights of shape {list(data.shape)}")
    if weights.scales.size > 1 and weights.axis != 0:
        raise refused(op, f"{weights.label} is quantized along dimension {weights.axis}", weights)
    activation = options.number("FusedActivationFunction")
    if options.number("KeepNumDims") and len(c.tensor(op, 0).shape) > 2:
        matrix = c.values.real_constant(op, weights.index, data.T, axis=1)
        result = c.node(op, "MatMul", [c.real(op, 0), matrix])
        if c.has_input(op, 2):
            result = c.node(op, "Add", [result, bias(op, c, 2)], part="bias")
    else:
        rows = c.values.real_flat(op, c.input(op, 0), (-1, data.shape[1]))
        inputs = [rows, c.values.real_constant(op, weights.index, data, axis=0)]
        if c.has_input(op, 2):
            inputs.append(bias(op, c, 2))
        result = c.node(op, "Gemm", inputs, {"transB": 1})
    c.finish(op, result, activation=activation)
