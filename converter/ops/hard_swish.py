"""Table of x * min(max(x + 3, 0), 6) / 6 in TFLite's 16-bit fixed-point arithmetic (HARD_SWISH)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from edgewright.converter.ops.fixed_point import Int64Array, quantize_multiplier, rounding_divide_by_pot
from edgewright.converter.ops.lookup import Lookup
from edgewright.converter.program import Quantization

INT16_MAX = 2**15 - 1
# The input is shifted left by this much first, for precision.
HEADROOM_BITS = 7


def _factor(real: np.float32) -> tuple[int, int]:
    """Real factor -> (16-bit multiplier, shift)."""
    multiplier, shift = quantize_multiplier(float(real))
    return min((multiplier + (1 << 15)) >> 16, INT16_MAX), shift


def _high_multiply(a: npt.ArrayLike, b: npt.ArrayLike, *, rounding: bool) -> Int64Array:
    """a * b / 2^15 of int16 values, truncated or to nearest."""
    product = np.asarray(a, np.int64) * np.asarray(b, np.int64)
    if rounding:
        product = product + np.where(product >= 0, 1 << 14, 1 - (1 << 14))
    return np.asarray(np.minimum(np.sign(product) * (np.abs(product) >> 15), INT16_MAX), np.int64)


def _shift_left(x: Int64Array, bits: int) -> Int64Array:
    return np.asarray(np.clip(x << bits, -INT16_MAX - 1, INT16_MAX), np.int64)


def _gate(fine: Int64Array, multiplier: int, shift: int) -> Int64Array:
    """min(max(x + 3, 0), 6) / 6 as 16-bit fixed point, from x in the finer input scale."""
    value = _shift_left(fine, shift - 1) if shift > 0 else fine
    value = _high_multiply(value, multiplier, rounding=True)
    if shift > 0:
        value = _shift_left(value, 1)
    if shift < 0:
        value = rounding_divide_by_pot(value, -shift)
    return (value + (1 << 15)) >> 1


def hard_swish(x: Quantization, output: Quantization) -> Lookup:
    """Table between two int8 quantizations.

    The output's scale must be at least 1/128 of the input's; below, the values saturate.
    """
    fine_scale = np.float32(1 / 128) * np.float32(x.scale)
    scale_multiplier, scale_shift = _factor(fine_scale / np.float32(output.scale))
    gate_factor = _factor(fine_scale / (np.float32(3) / np.float32(32768)))
    fine = (np.arange(-128, 128, dtype=np.int64) - x.zero_point) << HEADROOM_BITS
    scaled = _high_multiply(fine, scale_multiplier, rounding=True)
    product = _high_multiply(_gate(fine, *gate_factor), scaled, rounding=False)
    if scale_shift > 0:
        values = _shift_left(product, scale_shift)
    else:
        values = rounding_divide_by_pot(product, -scale_shift)
    table = np.clip(values + output.zero_point, -128, 127).astype(np.int8)
    return Lookup(table, "int8", "int8", output, "hard_swish")
