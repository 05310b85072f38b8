"""Fully connected layer over the channels of every position, int8 (FULLY_CONNECTED)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from edgewright.converter.ops.channel_links import (
    ChannelLinks,
    Kept,
    channel_factors,
    requantized_channels,
    unlinked,
)
from edgewright.converter.ops.requantize import Requantize, check_weights
from edgewright.converter.ops.row_by_row import Pixelwise
from edgewright.converter.ops.weight_format import check_format, weight_format
from edgewright.converter.program import Array, TensorType
from edgewright.errors import ModelError

if TYPE_CHECKING:
    from edgewright.converter.intervals.reach import Reach
    from edgewright.targets.codegen.row_kernel import RowKernel
    from edgewright.targets.cpu import CpuClass


@dataclass(frozen=True, eq=False)
class FullyConnected(Pixelwise):
    """y[r, c, o] = requantize(sum over i of (x[r, c, i] - input_zero_point) * weights[o, i]).

    Args:
        weights: int8 [O, I], symmetric.
        requantize: Bias, factors and output quantization, O channels; rounds once.
        input_zero_point: Quantized 0 of the input.
        weight_format: How the weights are stored in flash (`weight_format.py`).
    """

    kind: ClassVar[str] = "fc"

    weights: Array
    requantize: Requantize
    input_zero_point: int = 0
    weight_format: str = "int8"

    def __post_init__(self) -> None:
        check_weights(self.weights, 2, 0, self.requantize)
        check_format(self.weights, self.weight_format)

    @property
    def weights_bytes(self) -> int:
        stored = weight_format(self.weight_format).size_bytes(int(self.weights.size))
        return stored + 4 * int(self.requantize.bias.size)

    def output_type(self, *inputs: TensorType) -> TensorType:
        (x,) = inputs
        if self.weights.shape[1] != x.shape[2]:
            raise ModelError(
                "EW-OP-SHAPE", f"fully connected weights {self.weights.shape} do not fit input {x.shape}"
            )
        shape = (x.shape[0], x.shape[1], int(self.weights.shape[0]))
        return TensorType(shape, "int8", self.requantize.output)

    def macs(self, *inputs: TensorType) -> int:
        (x,) = inputs
        return x.shape[0] * x.shape[1] * int(self.weights.size)

    def row_kernel(self, cpu: CpuClass, *inputs: TensorType) -> RowKernel:
        from edgewright.targets.codegen.kernels.fully_connected import fully_connected_kernel

        (x,) = inputs
        return fully_connected_kernel(self, cpu, x)

    def layer_kernels(self, cpu: CpuClass, *inputs: TensorType) -> tuple[RowKernel, ...]:
        from edgewright.targets.codegen.kernels.choices import weighted_kernels

        (x,) = inputs
        return weighted_kernels(self, cpu, x)

    def lean_kernels(self, cpu: CpuClass, *inputs: TensorType) -> tuple[RowKernel, ...]:
        from edgewright.targets.codegen.kernels.lean import lean_fully_connected

        (x,) = inputs
        return lean_fully_connected(self, cpu, x)

    def reach(self, *inputs: Reach) -> Reach | None:
        from edgewright.converter.intervals.sums import fully_connected_bounds

        (x,) = inputs
        return fully_connected_bounds(self, x).reach(self.requantize, twice=False)

    def channel_links(self, *inputs: TensorType) -> ChannelLinks | None:
        return ChannelLinks(unlinked(1), sums=True)

    def channel_parameters(self, *inputs: TensorType) -> tuple[Array, ...] | None:
        return *channel_factors(self.requantize), self.weights

    def with_channels(self, inputs: tuple[Kept, ...], output: Kept) -> FullyConnected:
        weights = np.ascontiguousarray(self.weights[np.ix_(output, inputs[0])])
        return replace(self, weights=weights, requantize=requantized_channels(self.requantize, output))

    def golden(self, *inputs: Array) -> Array:
        # Sums stay below 2^53: exact in double precision.
        sums = (inputs[0].astype(np.float64) - self.input_zero_point) @ self.weights.astype(np.float64).T
        return self.requantize.apply_once(sums.astype(np.int64))
