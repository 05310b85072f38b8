"""CONV_2D and DEPTHWISE_CONV_2D -> Conv."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir
import tflite

from edgewright.converter.importers.tflite_format.conversion import Conversion
from edgewright.converter.importers.tflite_format.flatbuffer import Table, damaged
from edgewright.converter.importers.tflite_format.onnx_builder import Attribute
from edgewright.converter.importers.tflite_format.ops.window import explicit_pads
from edgewright.converter.importers.tflite_format.refusal import refused
from edgewright.converter.importers.tflite_format.schema import Operator
from edgewright.converter.importers.tflite_format.tensors import Layout
from edgewright.converter.program import Array


def conv_2d(op: Operator, c: Conversion) -> None:
    """Weights [O, kh, kw, I/groups] -> [O, I/groups, kh, kw]."""
    data, channels = _weights(op, c, axis=0)
    if not data.shape[3] or channels % data.shape[3]:
        raise damaged(op.label, f"weights of {data.shape[3]} channels for an input of {channels}")
    _conv(op, c, tflite.Conv2DOptions, data.transpose(0, 3, 1, 2), channels // data.shape[3])


def depthwise_conv_2d(op: Operator, c: Conversion) -> None:
    """Weights [1, kh, kw, C * multiplier] -> [C * multiplier, 1, kh, kw], one group a channel."""
    data, channels = _weights(op, c, axis=3)
    if data.shape[0] != 1 or not channels or data.shape[3] % channels:
        raise damaged(op.label, f"weights of shape {list(data.shape)} for an input of {channels} channels")
    _conv(op, c, tflite.DepthwiseConv2DOptions, data.transpose(3, 0, 1, 2), channels)


def _weights(op: Operator, c: Conversion, axis: int) -> tuple[Array, int]:
    """The weights as in the file, and the channels of the input."""
    x, weights = c.tensor(op, 0), c.tensor(op, 1)
    data = c.values.constant(op, weights.index, "the weights")
    if len(x.shape) != 4 or data.ndim != 4:
        raise damaged(op.label, f"input of shape {list(x.shape)}, weights of shape {list(data.shape)}")
    if weights.scales.size > 1 and weights.axis != axis:
        raise refused(op, f"{weights.label} is quantized along dimension {weights.axis}", weights)
    return data, x.shape[3]


def _conv(op: Operator, c: Conversion, cls: type, weights: Array, groups: int) -> None:
    options = op.options(cls)
    if options is None:
        raise damaged(op.label, "it has no options")
    strides, dilations = _pair(op, c, options, "Stride{}"), _pair(op, c, options, "Dilation{}Factor")
    height, width = c.tensor(op, 0).shape[1:3]
    window = weights.shape[2], weights.shape[3]
    pads = explicit_pads(op, options.number("Padding"), (height, width), window, strides, dilations)
    inputs = [
        c.real(op, 0, Layout.CHANNELS_FIRST),
        c.values.real_constant(op, c.input(op, 1), weights, axis=0),
    ]
    if c.has_input(op, 2):
        inputs.append(bias(op, c, 2))
    attributes: dict[str, Attribute] = {
        "kernel_shape": window,
        "strides": strides,
        "dilations": dilations,
        "pads": pads,
        "group": groups,
    }
    result = c.node(op, "Conv", inputs, attributes)
    c.finish(op, result, Layout.CHANNELS_FIRST, options.number("FusedActivationFunction"))


def bias(op: Operator, c: Conversion, operand: int) -> ir.Value:
    """Real values of a bias, [O]: int32 with the scale of the file, or float."""
    tensor = c.tensor(op, operand)
    data = c.values.constant(op, tensor.index, "the bias")
    return c.values.real_constant(op, tensor.index, np.reshape(data, -1), axis=0)


def _pair(op: Operator, c: Conversion, options: Table, name: str) -> tuple[int, int]:
    """A (vertical, horizontal) option."""
    vertical, horizontal = (options.number(name.format(side)) for side in "HW")
    return c.step(op, name.format("H"), vertical), c.step(op, name.format("W"), horizontal)
