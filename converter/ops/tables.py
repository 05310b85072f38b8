"""Tables of functions of one element, in the arithmetic of TFLite's reference kernels.

Each function returns a `Lookup` for one quantization of input and output.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from edgewright.converter.ops.fixed_point import (
    Int64Array,
    multiply_by_quantized_multiplier,
    quantize_multiplier,
)
from edgewright.converter.ops.lookup import Lookup
from edgewright.converter.ops.requantize import DTYPE_RANGE, ActivationRange, quantized_clamp
from edgewright.converter.program import Quantization

FloatArray = npt.NDArray[np.float64]
FloatFunction = Callable[[FloatArray], FloatArray]


def _centred(x: Quantization, dtype: str = "int8") -> Int64Array:
    """Every input value minus the zero point, int64 [256]."""
    low, high = DTYPE_RANGE[dtype]
    return np.arange(low, high + 1, dtype=np.int64) - x.zero_point


def _lookup(
    values: npt.ArrayLike,
    output: Quantization,
    source: str,
    dtypes: tuple[str, str] = ("int8", "int8"),
    clamp: tuple[int, int] | None = None,
) -> Lookup:
    low, high = clamp or DTYPE_RANGE[dtypes[1]]
    table = np.clip(np.asarray(values, np.int64), low, high).astype(dtypes[1])
    return Lookup(table, dtypes[0], dtypes[1], output, source)


def requantize(
    x: Quantization, output: Quantization, *, input_dtype: str = "int8", output_dtype: str = "int8"
) -> Lookup:
    """The same real value in another quantization or signedness (QUANTIZE of an integer)."""
    factor = quantize_multiplier(float(np.float32(x.scale)) / float(np.float32(output.scale)))
    scaled = multiply_by_quantized_multiplier(_centred(x, input_dtype), *factor)
    return _lookup(scaled + output.zero_point, output, "requantize", (input_dtype, output_dtype))


def relu(
    x: Quantization, output: Quantization, activation_range: ActivationRange, source: str = "relu"
) -> Lookup:
    """min(max(x, low), high) between quantizations (RELU, RELU6, RELU_N1_TO_1, clip)."""
    factor = quantize_multiplier(float(np.float32(x.scale) / np.float32(output.scale)))
    scaled = multiply_by_quantized_multiplier(_centred(x), *factor) + output.zero_point
    return _lookup(scaled, output, source, clamp=quantized_clamp(activation_range, output))


def leaky_relu(x: Quantization, output: Quantization, alpha: float) -> Lookup:
    """x where x >= 0, else alpha * x (LEAKY_RELU)."""
    scale_in, scale_out = np.float32(x.scale), np.float32(output.scale)
    slope = float(scale_in * np.float32(alpha) / scale_out)
    centred = _centred(x)
    positive = multiply_by_quantized_multiplier(centred, *quantize_multiplier(float(scale_in / scale_out)))
    negative = multiply_by_quantized_multiplier(centred, *quantize_multiplier(abs(slope)))
    values = np.where(centred >= 0, positive, negative if slope >= 0 else -negative)
    return _lookup(values + output.zero_point, output, "leaky_relu")


def absolute(x: Quantization, output: Quantization) -> Lookup:
    """|x| (ABS)."""
    factor = quantize_multiplier(float(np.float32(x.scale) / np.float32(output.scale)))
    values = multiply_by_quantized_multiplier(np.abs(_centred(x)), *factor)
    return _lookup(values + output.zero_point, output, "abs")


def sigmoid(x: Quantization, output: Quantization) -> Lookup:
    """1 / (1 + exp(-x)), sum and quotient in float32 too (LOGISTIC)."""

    def logistic(v: FloatArray) -> FloatArray:
        one = np.float32(1)
        return np.asarray(one / (one + np.exp(-v).astype(np.float32)), np.float64)

    return unary(logistic, x, output, "sigmoid")


def tanh(x: Quantization, output: Quantization) -> Lookup:
    """Hyperbolic tangent (TANH)."""
    return unary(np.tanh, x, output, "tanh")


def log(x: Quantization, output: Quantization) -> Lookup:
    """Natural logarithm; of 0 and negative values the smallest output (LOG)."""
    return unary(lambda v: np.log(np.maximum(v, 0)), x, output, "log")


def sqrt(x: Quantization, output: Quantization) -> Lookup:
    """Square root, divided by the scale in float32 and rounded towards zero (SQRT); 0 of negatives."""
    argument = np.float32(x.scale) * np.maximum(_centred(x), 0).astype(np.float32)
    steps = np.minimum(np.sqrt(argument) / np.float32(output.scale), 256)
    return _lookup(steps.astype(np.int64) + output.zero_point, output, "sqrt")


def unary(
    function: FloatFunction,
    x: Quantization,
    output: Quantization,
    source: str,
    *,
    input_dtype: str = "int8",
    output_dtype: str = "int8",
) -> Lookup:
    """Any function of a real: q = zero_point + round(f(scale * (q_in - zero_in)) / output_scale).

    The argument, the function value and the division (a product with the reciprocal) are rounded to
    float32, as TFLite's own tables are. NaN becomes the zero point.

    Args:
        function: Vectorised, in double precision.
        source: Name of the function, the op's `kind`.
    """
    argument = (np.float32(x.scale) * _centred(x, input_dtype).astype(np.float32)).astype(np.float64)
    with np.errstate(all="ignore"):
        value = np.asarray(function(argument), np.float64).astype(np.float32)
        inverse = np.float32(1) / np.float32(output.scale)
        ratio = (value * inverse).astype(np.float64)
    limited = np.clip(np.nan_to_num(ratio), -(2.0**31), 2.0**31)
    rounded = np.trunc(limited + np.copysign(0.5, limited))
    dtypes = (input_dtype, output_dtype)
    return _lookup(rounded.astype(np.int64) + output.zero_point, output, source, dtypes)
