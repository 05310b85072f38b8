"""Requantization of int32 accumulators to int8, shared by convolutions and fully connected layers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edgewright.converter.ops.fixed_point import (
    INT32_MAX,
    Int32Array,
    Int64Array,
    multiply_by_quantized_multiplier,
    multiply_once,
    quantize_multipliers,
    round_half_away,
    wrap_int32,
)
from edgewright.converter.ops.single_rounding import single_rounding
from edgewright.converter.program import Array, Quantization
from edgewright.errors import ModelError

DTYPE_RANGE = {"int8": (-128, 127), "uint8": (0, 255)}
# Real (min, max) of a fused activation; None is unbounded.
ActivationRange = tuple[float | None, float | None]
NO_ACTIVATION: ActivationRange = (None, None)


def quantized_clamp(
    activation_range: ActivationRange, output: Quantization, dtype: str = "int8"
) -> tuple[int, int]:
    """(min, max) of a quantized output under a fused activation.

    A bound b becomes zero_point + round(b / scale), divided in float32 and limited to the dtype.
    """
    low, high = DTYPE_RANGE[dtype]

    def bound(real: float | None, default: int) -> int:
        if real is None:
            return default
        with np.errstate(over="ignore"):
            ratio = float(np.float32(real) / np.float32(output.scale))
        if np.isinf(ratio):
            return high if ratio > 0 else low
        return min(max(output.zero_point + round_half_away(ratio), low), high)

    return bound(activation_range[0], low), bound(activation_range[1], high)


@dataclass(frozen=True, eq=False)
class Requantize:
    """int8 = clamp(zero_point + (accumulator + bias) * multiplier * 2^(shift - 31)), per channel.

    Convolutions round twice: `srdhm`, then `rounding_divide_by_pot`. Fully connected layers round
    once: (sum * multiplier + 2^(30 - shift)) >> (31 - shift), with multipliers from
    `single_rounding`.

    Args:
        bias: int32 [O], added to the accumulator.
        multiplier: int32 [O], 0 or in [2^30, 2^31).
        shift: int32 [O], positive = left.
        output: Quantization of the result.
        clamp: (min, max) of the result, the fused activation included.
    """

    bias: Int32Array
    multiplier: Int32Array
    shift: Int32Array
    output: Quantization
    clamp: tuple[int, int] = (-128, 127)

    @classmethod
    def for_conv(
        cls,
        input_scale: float,
        weight_scales: npt.ArrayLike,
        output: Quantization,
        bias: Array | None,
        activation_range: ActivationRange = NO_ACTIVATION,
        *,
        channels: int | None = None,
    ) -> Requantize:
        """Parameters of a (depthwise) convolution; the factors are products of doubles.

        Args:
            input_scale: Scale of the input.
            weight_scales: One scale, or one for each output channel.
            output: Quantization of the output.
            bias: int32 [O] or None.
            activation_range: Real bounds of the fused activation.
            channels: O; needed where there is one weight scale and no bias.
        """
        factors = _factors(input_scale, weight_scales, output)
        count = _channel_count(factors, bias, channels)
        multiplier, shift = quantize_multipliers(factors)
        return cls(
            bias=_bias_or_zeros(bias, count),
            multiplier=_spread(multiplier, count),
            shift=_spread(shift, count),
            output=output,
            clamp=quantized_clamp(activation_range, output),
        )

    @classmethod
    def for_fully_connected(
        cls,
        input_scale: float,
        weight_scales: npt.ArrayLike,
        output: Quantization,
        bias: Array | None,
        activation_range: ActivationRange = NO_ACTIVATION,
        *,
        channels: int | None = None,
        weights: Array | None = None,
        input_zero_point: int = 0,
    ) -> Requantize:
        """Parameters of a fully connected layer; the first arguments are those of `for_conv`.

        Args:
            weights: int8 [O, I]; they bound the sums, which keeps factors below 2^-13 exact too.
            input_zero_point: Quantized 0 of the input, for the same bound.
        """
        factors = _factors(input_scale, weight_scales, output)
        count = _channel_count(factors, bias, channels)
        biases = _bias_or_zeros(bias, count)
        clamp = quantized_clamp(activation_range, output)
        low, high = _reachable_sums(weights, input_zero_point, biases)
        if factors.size == 1:
            low, high = low.min(keepdims=True), high.max(keepdims=True)
        values = range(clamp[0] + 1 - output.zero_point, clamp[1] + 1 - output.zero_point)
        found = [
            single_rounding(float(f), values, (int(lo), int(hi)))
            for f, lo, hi in zip(factors, low, high, strict=True)
        ]
        return cls(
            bias=biases,
            multiplier=_spread(np.array([s.multiplier for s in found], np.int32), count),
            shift=_spread(np.array([s.shift for s in found], np.int32), count),
            output=output,
            clamp=clamp,
        )

    def __post_init__(self) -> None:
        if not self.bias.shape == self.multiplier.shape == self.shift.shape == (self.bias.size,):
            raise ModelError(
                "EW-OP-SHAPE",
                f"bias {self.bias.shape}, multiplier {self.multiplier.shape}, shift {self.shift.shape}",
            )

    def apply_twice(self, accumulator: Int64Array) -> Array:
        """int32 sums [..., O] without bias -> int8 [..., O], rounding twice (convolutions)."""
        total = wrap_int32(accumulator + self.bias)
        scaled = multiply_by_quantized_multiplier(total, self.multiplier, self.shift)
        return self._clamped(wrap_int32(scaled + self.output.zero_point))

    def apply_once(self, accumulator: Int64Array) -> Array:
        """int32 sums [..., O] without bias -> int8 [..., O], rounding once (fully connected)."""
        total = wrap_int32(accumulator + self.bias)
        scaled = multiply_once(total, self.multiplier, self.shift)
        return self._clamped(scaled + self.output.zero_point)

    def _clamped(self, values: Int64Array) -> Array:
        return np.clip(values, *self.clamp).astype(np.int8)


def check_weights(weights: Array, rank: int, channel_axis: int, requantize: Requantize) -> None:
    """Weights are int8 of the given rank, with as many output channels as the requantization.

    Raises:
        ModelError: EW-OP-WEIGHTS.
    """
    if (
        weights.dtype != np.int8
        or weights.ndim != rank
        or weights.shape[channel_axis] != requantize.bias.size
    ):
        raise ModelError(
            "EW-OP-WEIGHTS",
            f"weights {weights.dtype} {weights.shape} with requantization of {requantize.bias.size} channels",
        )


def _factors(
    input_scale: float, weight_scales: npt.ArrayLike, output: Quantization
) -> npt.NDArray[np.float64]:
    """input_scale * weight_scale / output_scale, in double precision from float32 scales."""
    scales = np.asarray(weight_scales, np.float32).reshape(-1).astype(np.float64)
    return float(np.float32(input_scale)) * scales / float(np.float32(output.scale))


def _channel_count(factors: npt.NDArray[np.float64], bias: Array | None, channels: int | None) -> int:
    return channels or max(factors.size, 0 if bias is None else int(np.size(bias)))


def _bias_or_zeros(bias: Array | None, channels: int) -> Int32Array:
    return np.zeros(channels, np.int32) if bias is None else np.asarray(bias, np.int32).reshape(-1)


def _spread(values: npt.NDArray[Any], channels: int) -> npt.NDArray[Any]:
    return np.ascontiguousarray(np.broadcast_to(values, (channels,)))


def _reachable_sums(
    weights: Array | None, input_zero_point: int, bias: Int32Array
) -> tuple[Int64Array, Int64Array]:
    """Smallest and largest sum with bias of each channel, within int32."""
    if weights is None:
        return np.full(bias.size, -INT32_MAX, np.int64), np.full(bias.size, INT32_MAX, np.int64)
    ends = weights.astype(np.int64)[..., None] * np.array([-128 - input_zero_point, 127 - input_zero_point])
    low, high = ends.min(-1).sum(1) + bias, ends.max(-1).sum(1) + bias
    return np.maximum(low, -INT32_MAX), np.minimum(high, INT32_MAX)
