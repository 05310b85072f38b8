"""Conv of one and two dimensions, grouped and depthwise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import onnx_ir as ir

from edgewright.converter.lower import attributes
from edgewright.converter.lower.context import Context
from edgewright.converter.lower.linear import (
    accumulator_bias,
    check_accumulator,
    output_scales,
    per_channel,
    stored_format,
    symmetric,
)
from edgewright.converter.lower.operands import Constant, Pending, Real
from edgewright.converter.lower.problem import Refused
from edgewright.converter.lower.registry import lowers
from edgewright.converter.lower.windows import Image, Window, window_of
from edgewright.converter.ops.base import OpKind
from edgewright.converter.ops.conv2d import Conv2D
from edgewright.converter.ops.depthwise import DepthwiseConv2D
from edgewright.converter.ops.requantize import ActivationRange, Requantize
from edgewright.converter.program import Array, Quantization


@lowers("Conv")
def conv(context: Context, node: ir.Node) -> Pending:
    """Convolution of a dequantized activation with dequantized constant weights [O, I/g, kernel...]."""
    x = context.real(node, 0)
    image = Image(x.placed.shape)
    stored = context.weights(node, 1)
    weights = symmetric(stored)
    if weights.ndim != len(image.shape):
        raise Refused(
            f"weights {list(weights.shape)} for an input {list(image.shape)}", code="EW-MODEL-INVALID"
        )
    kernel = attributes.integers(node, "kernel_shape", weights.shape[2:])
    groups = attributes.integer(node, "group", 1)
    channels, outputs = image.hwc[2], weights.shape[0]
    if kernel != weights.shape[2:] or groups < 1 or outputs % groups or weights.shape[1] * groups != channels:
        raise Refused(
            f"weights {list(weights.shape)}, kernel {list(kernel)} and {groups} groups do not fit "
            f"an input of {channels} channels",
            code="EW-MODEL-INVALID",
        )
    kernels = weights.reshape(outputs, weights.shape[1], *_as_pair(kernel))
    biases = (context.constant(node, 2, "bias"),) if context.has(node, 2) else ()
    scales = output_scales(stored, 0, outputs)
    window = window_of(node, image, kernel)
    layer = Convolution(image, window, kernels, scales, groups, stored_format(stored, weights))
    return layer.pending(context, attributes.node_name(node), x, biases)


def _as_pair(kernel: tuple[int, ...]) -> tuple[int, int]:
    return (kernel[0], kernel[1]) if len(kernel) == 2 else (kernel[0], 1)


@dataclass(frozen=True, eq=False)
class Convolution:
    """Geometry and weights of a convolution.

    Args:
        image: Its input.
        window: Its window.
        kernels: int8 [O, I / groups, kh, kw].
        scales: Scale of the weights, one or [O].
        groups: Number of groups; with I / groups of 1 and more than one group it is depthwise.
        weight_format: How the weights are stored in flash.
    """

    image: Image
    window: Window
    kernels: Array
    scales: npt.NDArray[np.float64]
    groups: int = 1
    weight_format: str = "int8"

    def pending(self, context: Context, node: str, x: Real, biases: tuple[Constant, ...]) -> Pending:
        """The convolution of an activation, to be emitted when its output quantization is known."""
        index = self.image.result(*self.window.output(self.image), len(self.kernels))
        bias = accumulator_bias(biases, x.quantization.scale, self.scales, len(self.kernels))
        check_accumulator(self.kernels, bias, x.quantization)

        value = context.builder.arrange(x.placed, self.image.axes, self.image.hwc)

        def emit(name: str, output: Quantization, activation: ActivationRange) -> str:
            op = self.op(x.quantization, bias, output, activation)
            return context.builder.add(op, (value,), name, node)

        def with_bias(constant: Constant) -> Pending:
            vector = per_channel(constant, len(self.kernels), 1, index.ndim)
            return self.pending(context, node, x, (*biases, vector))

        return Pending(
            node, index, x.quantization.scale * float(self.scales.max()), emit, with_bias=with_bias
        )

    def op(
        self, x: Quantization, bias: Array | None, output: Quantization, activation: ActivationRange
    ) -> OpKind:
        """The operation for one quantization of input and output."""
        outputs, depth = self.kernels.shape[:2]
        requantize = Requantize.for_conv(x.scale, self.scales, output, bias, activation, channels=outputs)
        window = self.window
        if depth == 1 and self.groups > 1:
            return DepthwiseConv2D(
                weights=np.ascontiguousarray(self.kernels[:, 0].transpose(1, 2, 0)),
                requantize=requantize,
                stride=window.stride,
                dilation=window.dilation,
                padding=window.padding,
                multiplier=outputs // self.groups,
                input_zero_point=x.zero_point,
                weight_format=self.weight_format,
            )
        return Conv2D(
            weights=np.ascontiguousarray(self.kernels.transpose(0, 2, 3, 1)),
            requantize=requantize,
            stride=window.stride,
            dilation=window.dilation,
            padding=window.padding,
            groups=self.groups,
            input_zero_point=x.zero_point,
            weight_format=self.weight_format,
        )
