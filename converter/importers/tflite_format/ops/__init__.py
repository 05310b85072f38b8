"""The registry: builtin operator -> function that converts it.

A new operator is one function `(op, conversion) -> None` and one line here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from edgewright.converter.importers.tflite_format.conversion import Conversion
from edgewright.converter.importers.tflite_format.ops import (
    binary,
    conv,
    fully_connected,
    join,
    pad,
    pool,
    quantize,
    reduce,
    reshape,
    resize,
    slice,
    softmax,
    unary,
)
from edgewright.converter.importers.tflite_format.schema import Operator

Converter = Callable[[Operator, Conversion], None]

CONVERTERS: Mapping[str, Converter] = {
    "ABS": unary.unary("Abs"),
    "ADD": binary.ADD,
    "AVERAGE_POOL_2D": pool.pool("AveragePool"),
    "CEIL": unary.unary("Ceil"),
    "CONCATENATION": join.concatenation,
    "CONV_2D": conv.conv_2d,
    "COS": unary.unary("Cos"),
    "DEPTHWISE_CONV_2D": conv.depthwise_conv_2d,
    "DEQUANTIZE": quantize.dequantize,
    "DIV": binary.DIV,
    "ELU": unary.unary("Elu"),
    "EXP": unary.unary("Exp"),
    "EXPAND_DIMS": reshape.expand_dims,
    "FLOOR": unary.unary("Floor"),
    "FULLY_CONNECTED": fully_connected.fully_connected,
    "GELU": unary.gelu,
    "HARD_SWISH": unary.unary("HardSwish"),
    "LEAKY_RELU": unary.leaky_relu,
    "LOG": unary.unary("Log"),
    "LOGISTIC": unary.unary("Sigmoid"),
    "LOG_SOFTMAX": softmax.log_softmax,
    "MAXIMUM": binary.binary("Max"),
    "MAX_POOL_2D": pool.pool("MaxPool"),
    "MEAN": reduce.reduce("ReduceMean"),
    "MINIMUM": binary.binary("Min"),
    "MUL": binary.MUL,
    "NEG": unary.unary("Neg"),
    "PACK": join.pack,
    "PAD": pad.pad,
    "PADV2": pad.pad,
    "PRELU": binary.binary("PRelu"),
    "QUANTIZE": quantize.quantize,
    "REDUCE_MAX": reduce.reduce("ReduceMax"),
    "REDUCE_MIN": reduce.reduce("ReduceMin"),
    "RELU": unary.unary("Relu"),
    "RELU6": unary.clip(0.0, 6.0),
    "RELU_0_TO_1": unary.clip(0.0, 1.0),
    "RELU_N1_TO_1": unary.clip(-1.0, 1.0),
    "RESHAPE": reshape.reshape,
    "RESIZE_BILINEAR": resize.BILINEAR,
    "RESIZE_NEAREST_NEIGHBOR": resize.NEAREST,
    "ROUND": unary.unary("Round"),
    "RSQRT": unary.unary("Sqrt", "Reciprocal"),
    "SIN": unary.unary("Sin"),
    "SLICE": slice.slice_,
    "SOFTMAX": softmax.softmax,
    "SPLIT": join.split,
    "SPLIT_V": join.split_v,
    "SQRT": unary.unary("Sqrt"),
    "SQUARE": unary.square,
    "SQUARED_DIFFERENCE": binary.squared_difference,
    "SQUEEZE": reshape.squeeze,
    "STRIDED_SLICE": slice.strided_slice,
    "SUB": binary.SUB,
    "SUM": reduce.reduce("ReduceSum"),
    "TANH": unary.unary("Tanh"),
    "TRANSPOSE": reshape.transpose,
    "UNPACK": join.unpack,
}

# Operators whose further inputs only repeat what the file's shapes say: inputs that are data.
DATA_INPUTS: Mapping[str, int] = {"RESHAPE": 1}
