"""Depthwise convolution with a channel multiplier, int8 (DEPTHWISE_CONV_2D)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from edgewright.converter.ops.base import OpKind, Padding
from edgewright.converter.ops.channel_links import ChannelLinks, Kept, channel_factors, requantized_channels
from edgewright.converter.ops.requantize import Requantize, check_weights
from edgewright.converter.ops.row_by_row import RowByRow
from edgewright.converter.ops.weight_format import check_format, weight_format
from edgewright.converter.ops.window import (
    NO_PADDING,
    Pair,
    output_size,
    pad_border,
    window_rows,
    window_strip,
)
from edgewright.converter.program import Array, TensorType
from edgewright.errors import ModelError

if TYPE_CHECKING:
    from edgewright.converter.intervals.reach import Reach
    from edgewright.targets.codegen.row_kernel import RowKernel
    from edgewright.targets.cpu import CpuClass


@dataclass(frozen=True, eq=False)
class DepthwiseConv2D(RowByRow):
    """y[r, c, i * m + j] = requantize(sum over the window of (x[.., i] - zero) * weights[.., i * m + j]).

    Args:
        weights: int8 [kh, kw, C * multiplier], symmetric.
        requantize: Bias, factors and output quantization, C * multiplier channels; rounds twice.
        stride: (vertical, horizontal).
        dilation: (vertical, horizontal).
        padding: Zero-point rows and columns around the input.
        multiplier: Output channels for each input channel (m).
        input_zero_point: Quantized 0 of the input.
        weight_format: How the weights are stored in flash (`weight_format.py`).
    """

    kind: ClassVar[str] = "dw"

    weights: Array
    requantize: Requantize
    stride: Pair = (1, 1)
    dilation: Pair = (1, 1)
    padding: Padding = NO_PADDING
    multiplier: int = 1
    input_zero_point: int = 0
    weight_format: str = "int8"

    def __post_init__(self) -> None:
        check_weights(self.weights, 3, 2, self.requantize)
        check_format(self.weights, self.weight_format)

    @property
    def window(self) -> Pair:
        return self.weights.shape[0], self.weights.shape[1]

    @property
    def weights_bytes(self) -> int:
        stored = weight_format(self.weight_format).size_bytes(int(self.weights.size))
        return stored + 4 * int(self.requantize.bias.size)

    def output_type(self, *inputs: TensorType) -> TensorType:
        (x,) = inputs
        outputs = self.weights.shape[2]
        if outputs != x.shape[2] * self.multiplier:
            raise ModelError(
                "EW-OP-SHAPE",
                f"depthwise weights {self.weights.shape} with multiplier {self.multiplier} "
                f"do not fit input {x.shape}",
            )
        rows, columns = output_size(x.shape, self.window, self.stride, self.dilation, self.padding)
        return TensorType((rows, columns, outputs), "int8", self.requantize.output)

    def input_rows(self, out_row: int, *inputs: TensorType) -> tuple[range, ...]:
        return (window_rows(out_row, self.window[0], self.stride[0], self.dilation[0], self.padding),)

    def macs(self, *inputs: TensorType) -> int:
        rows, columns, _ = self.output_type(*inputs).shape
        return rows * columns * int(self.weights.size)

    def row_kernel(self, cpu: CpuClass, *inputs: TensorType) -> RowKernel:
        from edgewright.targets.codegen.kernels.depthwise import depthwise_kernel

        (x,) = inputs
        return depthwise_kernel(self, cpu, x)

    def stream_kernels(self, cpu: CpuClass, *inputs: TensorType) -> tuple[RowKernel, ...]:
        from edgewright.targets.codegen.kernels.depthwise_planes import planes_row_kernel

        (x,) = inputs
        return (planes_row_kernel(self, cpu, x) or self.row_kernel(cpu, x),)

    def lean_kernels(self, cpu: CpuClass, *inputs: TensorType) -> tuple[RowKernel, ...]:
        fast, usual = self.stream_kernels(cpu, *inputs)[0], self.row_kernel(cpu, *inputs)
        return (usual,) if usual.scratch_bytes < fast.scratch_bytes else ()

    def layer_kernels(self, cpu: CpuClass, *inputs: TensorType) -> tuple[RowKernel, ...]:
        from edgewright.targets.codegen.kernels.choices import weighted_kernels

        (x,) = inputs
        return weighted_kernels(self, cpu, x)

    def strip(self, columns: range, *inputs: TensorType) -> tuple[OpKind, tuple[range, ...]] | None:
        (x,) = inputs
        found = window_strip(
            columns, x.shape[1], self.window[1], self.stride[1], self.dilation[1], self.padding
        )
        return found and (replace(self, padding=found[1]), (found[0],))

    def reach(self, *inputs: Reach) -> Reach | None:
        from edgewright.converter.intervals.sums import window_reach

        (x,) = inputs
        return window_reach(self, x)

    def channel_links(self, *inputs: TensorType) -> ChannelLinks | None:
        index = np.arange(int(self.weights.shape[2]))
        return ChannelLinks(((index // self.multiplier, index),))

    def channel_parameters(self, *inputs: TensorType) -> tuple[Array, ...] | None:
        return *channel_factors(self.requantize), np.moveaxis(self.weights, 2, 0)

    def with_channels(self, inputs: tuple[Kept, ...], output: Kept) -> DepthwiseConv2D:
        weights = np.ascontiguousarray(self.weights[..., output])
        return replace(self, weights=weights, requantize=requantized_channels(self.requantize, output))

    def golden(self, *inputs: Array) -> Array:
        (x,) = inputs
        shape = (int(x.shape[0]), int(x.shape[1]), int(x.shape[2]))
        rows, columns = output_size(shape, self.window, self.stride, self.dilation, self.padding)
        padded = pad_border(x, self.padding, self.input_zero_point).astype(np.int64) - self.input_zero_point
        weights = self.weights.astype(np.int64)
        sums = np.zeros((rows, columns, weights.shape[2]), np.int64)
        for i in range(self.window[0]):
            top = i * self.dilation[0]
            bottom = top + (rows - 1) * self.stride[0] + 1
            for j in range(self.window[1]):
                left = j * self.dilation[1]
                right = left + (columns - 1) * self.stride[1] + 1
                taps = padded[top : bottom : self.stride[0], left : right : self.stride[1]]
                sums += np.repeat(taps, self.multiplier, axis=2) * weights[i, j]
        return self.requantize.apply_twice(sums)
