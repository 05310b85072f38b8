"""What convolutions and fully connected layers share: symmetric int8 weights and int32 biases."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import onnx_ir as ir

from edgewright.converter.lower.operands import Constant, QuantizedData
from edgewright.converter.lower.problem import Refused
from edgewright.converter.ops.weight_format import narrowest_format
from edgewright.converter.program import Array, Quantization

# Numpy type of tensors of the ONNX type INT4.
INT4 = ir.DataType.INT4.numpy()
# A stored bias scale that differs less from input scale * weight scale is taken for it.
SAME_SCALE = 1e-4
SYMMETRIC_HINT = "choose symmetric weights (zero point 0; onnxruntime: WeightSymmetric=True)"


def symmetric(weights: QuantizedData) -> Array:
    """Weights minus their zero point, int8."""
    if weights.values.dtype not in (np.int8, np.uint8, INT4):
        raise Refused(f"its weights are {weights.values.dtype}", "quantize them to int8 or int4")
    centred = weights.values.astype(np.int16) - weights.along(weights.zero_point).astype(np.int16)
    low, high = int(centred.min()), int(centred.max())
    if low < -128 or high > 127:
        raise Refused(
            f"its weights minus their zero point are {low} .. {high}, not int8",
            SYMMETRIC_HINT,
            "EW-WEIGHT-ASYMMETRIC",
        )
    return centred.astype(np.int8)


def stored_format(stored: QuantizedData, weights: Array) -> str:
    """How weights are stored in flash: those of the ONNX type INT4 in the fewest bits that hold them.

    Args:
        stored: As they are in the model.
        weights: int8, as the operation takes them.
    """
    return narrowest_format(weights).name if stored.values.dtype == INT4 else "int8"


def output_scales(weights: QuantizedData, axis: int, channels: int) -> npt.NDArray[np.float64]:
    """Weight scales, one, or one for each output channel along `axis`."""
    scales = weights.scale.astype(np.float64).reshape(-1)
    if scales.size == 1:
        return scales
    if weights.axis != axis or scales.size != channels:
        raise Refused(
            f"its weights have {scales.size} scales along axis {weights.axis}, not the output channels",
            "quantize weights per tensor or per output channel",
        )
    return scales


def accumulator_bias(
    biases: Sequence[Constant], input_scale: float, weight_scales: npt.NDArray[np.float64], channels: int
) -> Array | None:
    """Sum of biases as int32 [O] in units of input scale * weight scale.

    An int32 bias stored with that scale is taken as it is; any other is rounded, halves to even.
    """
    if not biases:
        return None
    unit = np.float64(np.float32(input_scale)) * weight_scales
    total = sum(_in_units(bias, unit, channels) for bias in biases)
    assert isinstance(total, np.ndarray)
    if np.any(np.abs(total) > 2**31 - 1):
        largest = float(total[np.argmax(np.abs(total))])
        raise Refused(
            f"its bias is {largest:.3g} in units of input scale * weight scale: more than int32",
            "quantize input or weights with a larger scale",
        )
    return total.astype(np.int32)


def _in_units(bias: Constant, unit: npt.NDArray[np.float64], channels: int) -> npt.NDArray[np.float64]:
    if bias.data.shape != (channels,):
        raise Refused(f"its bias has the shape {list(bias.data.shape)} for {channels} channels")
    quantized = bias.quantized
    if quantized is not None and quantized.values.dtype == np.int32 and not np.any(quantized.zero_point):
        # Products of tiny scales lose bits as float32 denormals: compare in units of the smallest one.
        tolerance = SAME_SCALE * unit + np.finfo(np.float32).smallest_subnormal
        if np.all(np.abs(quantized.scale.astype(np.float64) - unit) <= tolerance):
            return quantized.values.astype(np.float64)
    if not np.all(np.isfinite(bias.data)):
        raise Refused("its bias is not finite", code="EW-MODEL-INVALID")
    return np.asarray(np.rint(bias.data.astype(np.float64) / unit), np.float64)


def check_accumulator(weights: Array, bias: Array | None, x: Quantization) -> None:
    """Refuse where some input could overflow the int32 accumulator.

    Args:
        weights: int8, output channels first.
        bias: int32 [O] or None.
        x: Quantization of the input.
    """
    largest = max(127 - x.zero_point, x.zero_point + 128)
    sums = np.abs(weights.astype(np.int64)).reshape(len(weights), -1).sum(axis=1) * largest
    if bias is not None:
        sums += np.abs(bias.astype(np.int64))
    if int(sums.max()) >= 2**31:
        raise Refused(
            f"its accumulator may reach {int(sums.max()):,}: more than int32",
            "divide the layer into parts of fewer inputs, and add their results",
        )


def per_channel(constant: Constant, channels: int, axis: int, rank: int) -> Constant:
    """A constant that is broadcast over all but one axis of a result, as [channels].

    Raises:
        Refused: Where it varies along another axis.
    """
    shape = (1,) * (rank - constant.data.ndim) + constant.data.shape
    if len(shape) > rank or any(n != 1 for i, n in enumerate(shape) if i != axis):
        raise Refused(f"it adds a constant of shape {list(constant.data.shape)}, not one a channel")
    if shape[axis] not in (1, channels):
        raise Refused(f"it adds {shape[axis]} constants to {channels} channels")
    quantized = constant.quantized
    if quantized is not None:
        values = np.broadcast_to(quantized.values.reshape(-1), (channels,))
        same = quantized.axis is None
        quantized = QuantizedData(values, quantized.scale, quantized.zero_point, None if same else 0)
        if not same and quantized.scale.size != channels:
            quantized = None
    return Constant(np.broadcast_to(constant.data.reshape(-1), (channels,)), quantized)
