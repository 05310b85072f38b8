"""Random models of one operator each, for the .tflite importer's tests: the tables.

A function of a table makes one model of its kind from a random generator, with awkward sizes.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tests.converter.importers import op_compute, op_moves
from tests.converter.importers.op_parts import Model, Rng

UNIT = {"scale": 1 / 256, "zero_point": -128}
TANH = {"scale": 1 / 128, "zero_point": 0}

QUANTIZED: dict[str, Callable[..., Model]] = {
    "CONV_2D": op_compute.conv,
    "DEPTHWISE_CONV_2D": op_compute.depthwise,
    "FULLY_CONNECTED": op_compute.fully_connected,
    "ADD": op_compute.binary("ADD", "AddOptions"),
    "SUB": op_compute.binary("SUB", "SubOptions"),
    "MUL": op_compute.binary("MUL", "MulOptions"),
    "MAXIMUM": op_compute.binary("MAXIMUM", "MaximumMinimumOptions", fused=False, same=True),
    "MINIMUM": op_compute.binary("MINIMUM", "MaximumMinimumOptions", fused=False, same=True),
    "SQUARED_DIFFERENCE": op_compute.binary("SQUARED_DIFFERENCE", None, fused=False),
    "PRELU": op_compute.prelu,
    "AVERAGE_POOL_2D": op_compute.pool("AVERAGE_POOL_2D"),
    "MAX_POOL_2D": op_compute.pool("MAX_POOL_2D"),
    "RELU": op_compute.unary("RELU"),
    "RELU6": op_compute.unary("RELU6"),
    "RELU_N1_TO_1": op_compute.unary("RELU_N1_TO_1"),
    "LOGISTIC": op_compute.unary("LOGISTIC", out=UNIT),
    "TANH": op_compute.unary("TANH", out=TANH),
    "HARD_SWISH": op_compute.unary("HARD_SWISH"),
    "LEAKY_RELU": op_compute.unary("LEAKY_RELU", "LeakyReluOptions", fields={"Alpha": 0.2}),
    "ABS": op_compute.unary("ABS", keeps=True),
    "EXP": op_compute.unary("EXP"),
    "LOG": op_compute.unary("LOG", positive=True, out={"scale": 0.05, "zero_point": 20}),
    "RSQRT": op_compute.unary("RSQRT", positive=True, out={"scale": 0.05, "zero_point": -128}),
    "GELU": op_compute.unary("GELU", "GeluOptions", fields={"Approximate": False}),
    "MEAN": op_compute.reduction("MEAN"),
    "REDUCE_MAX": op_compute.reduction("REDUCE_MAX", keeps=True),
    "REDUCE_MIN": op_compute.reduction("REDUCE_MIN", keeps=True),
    "CONCATENATION": op_moves.concatenation,
    "PACK": op_moves.pack,
    "UNPACK": op_moves.unpack,
    "SPLIT": op_moves.split,
    "SPLIT_V": op_moves.split_v,
    "PAD": op_moves.pad("PAD"),
    "PADV2": op_moves.pad("PADV2"),
    "RESHAPE": op_moves.reshape,
    "SQUEEZE": op_moves.squeeze,
    "EXPAND_DIMS": op_moves.expand_dims,
    "TRANSPOSE": op_moves.transpose,
    "SLICE": op_moves.slice_,
    "STRIDED_SLICE": op_moves.strided_slice,
    "RESIZE_NEAREST_NEIGHBOR": op_moves.resize("RESIZE_NEAREST_NEIGHBOR", "ResizeNearestNeighborOptions"),
    "RESIZE_BILINEAR": op_moves.resize("RESIZE_BILINEAR", "ResizeBilinearOptions"),
    "SOFTMAX": op_compute.softmax,
    "LOG_SOFTMAX": op_compute.unary(
        "LOG_SOFTMAX", "LogSoftmaxOptions", out={"scale": 16 / 256, "zero_point": 127}
    ),
    "QUANTIZE int8": op_compute.requantize("int8", "int8"),
    "QUANTIZE uint8": op_compute.requantize("uint8", "int8"),
    "QUANTIZE float": op_compute.requantize("float32", "int8"),
    "QUANTIZE to uint8": op_compute.requantize("int8", "uint8"),
    "DEQUANTIZE": op_compute.dequantize("int8"),
    "DEQUANTIZE uint8": op_compute.dequantize("uint8"),
}

# LiteRT's int8 SUM starts from whatever its scratch memory holds, ELU, CEIL and ROUND are missing
# from its reference kernels: no oracle for those.
FLOAT_ONLY: dict[str, Callable[..., Model]] = {
    "SUM": op_compute.reduction("SUM"),
    "DIV": op_compute.binary("DIV", "DivOptions"),
    "RELU_0_TO_1": op_compute.unary("RELU_0_TO_1"),
    "NEG": op_compute.unary("NEG", "NegOptions"),
    "SIN": op_compute.unary("SIN"),
    "COS": op_compute.unary("COS", "CosOptions"),
    "SQRT": op_compute.unary("SQRT"),
    "SQUARE": op_compute.unary("SQUARE", "SquareOptions"),
    "FLOOR": op_compute.unary("FLOOR"),
}


def inputs_for(rng: Rng, model: Model) -> list[np.ndarray]:
    """Random data for the inputs of a model."""
    m, inputs, _ = model
    result = []
    for index in inputs:
        t = m.tensors[index]
        if t.dtype == "float32":
            result.append(rng.normal(scale=3, size=t.shape).astype(np.float32))
        else:
            limits = np.iinfo(t.dtype)
            result.append(rng.integers(limits.min, limits.max + 1, t.shape).astype(t.dtype))
    return result
