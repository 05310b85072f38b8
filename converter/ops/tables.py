"""Tables of functions of one element, in the arithmetic of TFLite's reference kernels.

Each function returns a `Lookup` for one quantization of input and output.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from edgewright.converter.ops import fixed_point_functions
from edgewright.converter.ops.fixed_point import (
    Int64Array,
    multiply_by_quantized_multiplier,
    quantize_multiplier,
    rounding_divide_by_pot,
)
from edgewright.converter.ops.lookup import Lookup
from edgewright.converter.ops.requantize import DTYPE_RANGE, ActivationRange, quantized_clamp
from edgewright.converter.program import Quantization

FloatFunction = Callable[[npt.NDArray[np.float64]], npt.NDArray[np.float64]]

LOGISTIC_OUTPUT = Quantization(1 / 256, -128)
TANH_OUTPUT = Quantization(1 / 128, 0)
# Integer bits of the argument of the fixed-point logistic and tanh.
INPUT_BITS = 4


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


def _fixed_point_argument(x: Quantization) -> tuple[Int64Array, Int64Array, int]:
    """(centred values, the same in Q4, radius from which on the function saturates)."""
    multiplier, shift = quantize_multiplier(float(np.float32(x.scale)) * (1 << (31 - INPUT_BITS)))
    radius = int(np.floor(((1 << INPUT_BITS) - 1) * 2.0 ** (31 - INPUT_BITS) / 2.0**shift))
    centred = _centred(x)
    inside = np.clip(centred, -radius, radius)
    return centred, multiply_by_quantized_multiplier(inside, multiplier, shift), radius


def _saturated(centred: Int64Array, radius: int, values: Int64Array) -> Int64Array:
    return np.where(centred <= -radius, -128, np.where(centred >= radius, 127, values))


def sigmoid(x: Quantization, output: Quantization) -> Lookup:
    """1 / (1 + exp(-x)) (LOGISTIC)."""
    if output != LOGISTIC_OUTPUT:
        return unary(lambda v: 1 / (1 + np.exp(-v)), x, output, "sigmoid")
    centred, argument, radius = _fixed_point_argument(x)
    values = rounding_divide_by_pot(fixed_point_functions.logistic(argument, INPUT_BITS), 31 - 8) - 128
    return _lookup(_saturated(centred, radius, values), output, "sigmoid")


def tanh(x: Quantization, output: Quantization) -> Lookup:
    """Hyperbolic tangent (TANH)."""
    if output != TANH_OUTPUT:
        return unary(np.tanh, x, output, "tanh")
    centred, argument, radius = _fixed_point_argument(x)
    values = rounding_divide_by_pot(fixed_point_functions.tanh(argument, INPUT_BITS), 31 - 7)
    return _lookup(_saturated(centred, radius, values), output, "tanh")


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
    rounded = np.copysign(np.floor(np.abs(np.nan_to_num(ratio)) + 0.5), ratio)
    limited = np.clip(np.nan_to_num(rounded), -(2.0**31), 2.0**31)
    dtypes = (input_dtype, output_dtype)
    return _lookup(limited.astype(np.int64) + output.zero_point, output, source, dtypes)
