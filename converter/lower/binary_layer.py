"""Binary layers: calls of the functions of `converter/binary_functions.py`.

What follows a sum of signs in floating point becomes one comparison where the next layer takes the sign
again: y = sum * scale + bias, bit = y + shift >= 0 holds from some sum on, which is found by computing just
that, in float32 as the function's body does, for as many sums as a bisection needs.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import onnx_ir as ir

from edgewright.converter import binary_functions
from edgewright.converter.importers.normalize.infer_binary_layer import result_shape
from edgewright.converter.lower import attributes
from edgewright.converter.lower.binary_scaling import Factors, int8_output, sum_thresholds, value_thresholds
from edgewright.converter.lower.context import QUANTIZE_HINT, Context
from edgewright.converter.lower.layout import Index, identity_index, stored_index
from edgewright.converter.lower.operands import BinaryPending, Real, shape_of
from edgewright.converter.lower.problem import Refused
from edgewright.converter.lower.registry import lowers
from edgewright.converter.lower.windows import Image, Window
from edgewright.converter.ops.base import Padding
from edgewright.converter.ops.binary_conv import MAX_FACTOR, BinaryConv2D
from edgewright.converter.ops.bits import pack_bits
from edgewright.converter.ops.mean_magnitude import FRACTION_BITS, MeanMagnitude
from edgewright.converter.ops.requantize import ActivationRange
from edgewright.converter.program import Quantization, Shape, TensorType

FloatArray = npt.NDArray[np.float32]
GEMM_WINDOW = Window((1, 1), (1, 1), (1, 1), Padding())


@lowers(*binary_functions.CONVOLUTIONS)
def binary_convolution(context: Context, node: ir.Node) -> BinaryPending:
    """BinaryConv, BinaryConvMean and BinaryConvSpatial."""
    x, _, weights, *_ = _checked_shapes(context, node)
    image, kernel = Image(x), weights[2:]
    top, left, bottom, right = attributes.integers(node, "pads", (0,) * 4)
    vertical, horizontal = attributes.integers(node, "strides", (1, 1))
    rows, columns = attributes.integers(node, "dilations", (1, 1))
    window = Window(
        (kernel[0], kernel[1]), (vertical, horizontal), (rows, columns), Padding(top, bottom, left, right)
    )
    pad_sign = attributes.number(node, "pad_value", 0.0)
    if pad_sign not in (-1, 0, 1):
        raise Refused(f"its pad_value is {pad_sign}", "pad with 0, 1 or -1", "EW-MODEL-INVALID")
    size = window.output(image)
    layer = _layer(context, node, window, int(pad_sign))
    index = image.result(*size, len(layer.weights))
    spatial = _constant(context, node, 3) if node.op_type == "BinaryConvSpatial" else None
    return _pending(context, node, layer, _Input(context, node, image.axes, image.hwc), index, spatial)


@lowers("BinaryGemm")
def binary_gemm(context: Context, node: ir.Node) -> BinaryPending:
    """BinaryGemm: a convolution of one pixel."""
    _checked_shapes(context, node)
    layer = _layer(context, node, GEMM_WINDOW, 0)
    outputs, depth = len(layer.weights), layer.weights.shape[1]
    source = _Input(context, node, (0, 1), (1, 1, depth))
    return _pending(context, node, layer, source, identity_index((1, outputs)), None)


@dataclass(frozen=True, eq=False)
class _Layer:
    """Constants of a binary layer.

    Args:
        weights: int8 [O, C, kh, kw] of -1 and +1; channels of negative scale are negated already.
        scale: [O], not negative.
        bias: [O].
        window: Its window.
        pad_sign: What the padding holds.
    """

    weights: npt.NDArray[np.int8]
    scale: FloatArray
    bias: FloatArray
    window: Window
    pad_sign: int

    @property
    def depth(self) -> int:
        return int(np.prod(self.weights.shape[1:]))

    def op(self) -> BinaryConv2D:
        """The convolution with thresholds that are never reached."""
        return BinaryConv2D(
            weights=pack_bits(self.weights.transpose(0, 2, 3, 1) > 0),
            channels=self.weights.shape[1],
            thresholds=np.full(len(self.weights), self.depth + 1, np.int32),
            stride=self.window.stride,
            dilation=self.window.dilation,
            padding=self.window.padding,
            pad_sign=self.pad_sign,
        )


class _Input:
    """The input of a binary layer: where its signs come from."""

    def __init__(self, context: Context, node: ir.Node, axes: tuple[int, ...], hwc: Shape) -> None:
        self.context, self.node, self.axes, self.hwc = context, node, axes, hwc
        self.shift = _constant(context, node, 1).reshape(-1)
        self.operand = context.operand(node, 0)

    def real(self) -> tuple[str, Quantization]:
        """The int8 value in the order of the layer, and its quantization."""
        x = self.context.real(self.node, 0)
        return self.context.builder.arrange(x.placed, self.axes, self.hwc), x.quantization

    def bits(self) -> str:
        """The packed signs."""
        if isinstance(self.operand, BinaryPending):
            wanted = stored_index(self.operand.index.shape, self.axes)
            if np.array_equal(self.operand.index, wanted) and self.operand.channels == self.hwc[2]:
                return self.operand.bits(self.shift)
            raise Refused("its input, a binary layer's result, is rearranged before", QUANTIZE_HINT)
        value, quantization = self.real()
        thresholds = value_thresholds(quantization, self.shift)
        return self.context.builder.binarized(value, thresholds)


def _checked_shapes(context: Context, node: ir.Node) -> list[tuple[int, ...]]:
    """Shapes of the inputs, which fit one another."""
    found = [shape_of(context.operand(node, i)) for i in range(len(node.inputs))]
    shapes = [s for s in found if s is not None]
    result_shape(node, shapes)
    return shapes


def _layer(context: Context, node: ir.Node, window: Window, pad_sign: int) -> _Layer:
    weights = context.constant(node, 2, "weight").data
    if not np.isin(weights, (-1, 1)).all():
        raise Refused("its weights are not all -1 or +1", "binarize them", "EW-MODEL-INVALID")
    signs = weights.astype(np.int8)
    signs = signs.reshape(*signs.shape, 1, 1) if signs.ndim == 2 else signs
    last = len(node.inputs)
    scale, bias = (_constant(context, node, i).reshape(-1) for i in (last - 2, last - 1))
    negative = scale < 0
    signs[negative] = -signs[negative]
    layer = _Layer(signs, np.abs(scale), bias, window, pad_sign)
    if layer.depth > MAX_FACTOR:
        raise Refused(f"its sums have {layer.depth:,} terms, more than {MAX_FACTOR:,}", "divide the layer")
    return layer


def _constant(context: Context, node: ir.Node, position: int) -> FloatArray:
    data = context.constant(node, position, "parameter").data
    if not np.isfinite(data).all():
        raise Refused("a scale, shift or bias is not finite", code="EW-MODEL-INVALID")
    return np.asarray(data, np.float32)


def _pending(
    context: Context, node: ir.Node, layer: _Layer, source: _Input, index: Index, spatial: FloatArray | None
) -> BinaryPending:
    name, builder = attributes.node_name(node), context.builder
    mean = node.op_type == "BinaryConvMean"
    if mean and not isinstance(source.operand, Real):
        source.real()  # says why not

    def factors() -> tuple[Factors, tuple[str, ...]]:
        """What the sums are multiplied with, and the value that holds it."""
        if mean:
            value, x = source.real()
            op = MeanMagnitude(x.zero_point)
            made = builder.once(op, value, (MeanMagnitude, value), "mean_magnitude")
            return Factors(x.scale / (1 << FRACTION_BITS), 255 << FRACTION_BITS), (made,)
        if spatial is not None:
            found, integers = Factors.of_places(spatial, layer.depth)
            made = builder.add_value(f"{name}/spatial", TensorType((*spatial.shape[2:], 1), "int32"))
            builder.constants[made] = integers
            return found, (made,)
        return Factors(), ()

    def emit(wanted: str, output: Quantization, activation: ActivationRange) -> str:
        found, values = factors()
        scaled = int8_output(layer.scale, layer.bias, found, layer.depth, output, activation)
        op = replace(layer.op(), thresholds=None, requantize=scaled.requantize, fraction_bits=scaled.fraction)
        return builder.add(op, (source.bits(), *values), wanted, name)

    def bits(shift: FloatArray) -> str:
        if mean or spatial is not None:
            raise Refused(
                f"its input, result of node {name}, is scaled at run time and not quantized", QUANTIZE_HINT
            )
        thresholds = sum_thresholds(layer.scale, layer.bias, shift, layer.depth)
        op = replace(layer.op(), thresholds=thresholds)
        return builder.add(op, (source.bits(),), context.result_name(node), name)

    largest = float(layer.scale.max()) or 1.0
    return BinaryPending(name, index, largest, emit, channels=len(layer.weights), bits=bits)
