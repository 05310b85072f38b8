"""Two-dimensional convolution, int8, any kernel, stride, dilation, padding and groups (CONV_2D)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from edgewright.converter.ops.base import OpKind, Padding
from edgewright.converter.ops.channel_links import (
    ChannelLinks,
    Kept,
    channel_factors,
    grouped_channels,
    requantized_channels,
    unlinked,
)
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
    window_views,
)
from edgewright.converter.program import Array, TensorType
from edgewright.errors import ModelError

if TYPE_CHECKING:
    from edgewright.converter.intervals.reach import Reach
    from edgewright.targets.codegen.row_kernel import RowKernel
    from edgewright.targets.cpu import CpuClass


@dataclass(frozen=True, eq=False)
class Conv2D(RowByRow):
    """y[r, c, o] = requantize(sum over the window of (x - input_zero_point) * weights[o]).

    Args:
        weights: int8 [O, kh, kw, I / groups], symmetric.
        requantize: Bias, factors and output quantization, O channels; rounds twice.
        stride: (vertical, horizontal).
        dilation: (vertical, horizontal).
        padding: Zero-point rows and columns around the input.
        groups: Output channel o reads the input channels of group o // (O / groups).
        input_zero_point: Quantized 0 of the input.
        weight_format: How the weights are stored in flash (`weight_format.py`).
    """

    kind: ClassVar[str] = "conv"

    weights: Array
    requantize: Requantize
    stride: Pair = (1, 1)
    dilation: Pair = (1, 1)
    padding: Padding = NO_PADDING
    groups: int = 1
    input_zero_point: int = 0
    weight_format: str = "int8"

    def __post_init__(self) -> None:
        check_weights(self.weights, 4, 0, self.requantize)
        check_format(self.weights, self.weight_format)

    @property
    def window(self) -> Pair:
        return self.weights.shape[1], self.weights.shape[2]

    @property
    def weights_bytes(self) -> int:
        stored = weight_format(self.weight_format).size_bytes(int(self.weights.size))
        return stored + 4 * int(self.requantize.bias.size)

    def output_type(self, *inputs: TensorType) -> TensorType:
        (x,) = inputs
        outputs, _, _, group_channels = self.weights.shape
        if self.groups < 1 or group_channels * self.groups != x.shape[2] or outputs % self.groups:
            raise ModelError(
                "EW-OP-SHAPE",
                f"conv weights {self.weights.shape} with {self.groups} groups do not fit input {x.shape}",
            )
        rows, columns = output_size(x.shape, self.window, self.stride, self.dilation, self.padding)
        return TensorType((rows, columns, outputs), "int8", self.requantize.output)

    def input_rows(self, out_row: int, *inputs: TensorType) -> tuple[range, ...]:
        return (window_rows(out_row, self.window[0], self.stride[0], self.dilation[0], self.padding),)

    def macs(self, *inputs: TensorType) -> int:
        rows, columns, _ = self.output_type(*inputs).shape
        return rows * columns * int(self.weights.size)

    @property
    def pixelwise(self) -> bool:
        return self.window == (1, 1) and self.stride == (1, 1) and self.padding == Padding()

    def row_kernel(self, cpu: CpuClass, *inputs: TensorType) -> RowKernel:
        from edgewright.targets.codegen.kernels.convolution import convolution_kernel

        (x,) = inputs
        return convolution_kernel(self, cpu, x)

    def layer_kernels(self, cpu: CpuClass, *inputs: TensorType) -> tuple[RowKernel, ...]:
        from edgewright.targets.codegen.kernels.choices import weighted_kernels

        (x,) = inputs
        return weighted_kernels(self, cpu, x)

    def lean_kernels(self, cpu: CpuClass, *inputs: TensorType) -> tuple[RowKernel, ...]:
        from edgewright.targets.codegen.kernels.lean import lean_convolution

        (x,) = inputs
        return lean_convolution(self, cpu, x)

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
        if self.groups == 1:
            return ChannelLinks(unlinked(1), sums=True)
        return grouped_channels(self.groups, inputs[0].shape[2], int(self.weights.shape[0]))

    def channel_parameters(self, *inputs: TensorType) -> tuple[Array, ...] | None:
        group = np.arange(len(self.weights)) // (len(self.weights) // self.groups)
        return group, *channel_factors(self.requantize), self.weights

    def with_channels(self, inputs: tuple[Kept, ...], output: Kept) -> Conv2D:
        depth = self.weights.shape[3]
        weights = self.weights[output]
        if self.groups == 1:
            weights = weights[..., inputs[0]]
        return replace(
            self,
            weights=np.ascontiguousarray(weights),
            requantize=requantized_channels(self.requantize, output),
            groups=1 if self.groups == 1 else inputs[0].size // depth,
        )

    def golden(self, *inputs: Array) -> Array:
        padded = pad_border(inputs[0], self.padding, self.input_zero_point)
        views = window_views(padded, self.window, self.stride, self.dilation)
        rows, columns = views.shape[:2]
        per_group = self.weights.shape[0] // self.groups
        depth = self.weights.shape[3]
        sums = np.empty((rows * columns, self.weights.shape[0]), np.int64)
        for group in range(self.groups):
            taps = views[..., group * depth : (group + 1) * depth]
            # Sums stay below 2^53, so double precision BLAS is exact, and much faster than integers.
            matrix = taps.reshape(rows * columns, -1).astype(np.float64) - self.input_zero_point
            outputs = slice(group * per_group, (group + 1) * per_group)
            sums[:, outputs] = matrix @ self.weights[outputs].reshape(per_group, -1).astype(np.float64).T
        return self.requantize.apply_twice(sums).reshape(rows, columns, -1)
