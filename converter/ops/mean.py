"""Mean over any of rows, columns and channels, int8, kept as dimensions of 1 (MEAN)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from edgewright.converter.ops.base import OpKind
from edgewright.converter.ops.channel_links import ChannelLinks, same_channels
from edgewright.converter.ops.fixed_point import multiply_by_quantized_multiplier, quantize_multiplier
from edgewright.converter.program import Array, Quantization, TensorType
from edgewright.errors import ModelError

if TYPE_CHECKING:
    from edgewright.converter.intervals.reach import Reach
    from edgewright.targets.codegen.row_kernel import RowKernel
    from edgewright.targets.cpu import CpuClass


@dataclass(frozen=True, eq=False)
class Mean(OpKind):
    """y = clamp(zero + factor * sum over the axes of (x - input_zero_point)), rounded twice.

    Args:
        axes: Reduced axes of HWC, a subset of (0, 1, 2).
        input_zero_point: Quantized 0 of the input.
        multiplier: Factor input scale / (count * output scale), not always above 2^30, with
        shift: its shift, positive = left.
        output: Quantization of the result.
    """

    kind: ClassVar[str] = "mean"

    axes: tuple[int, ...]
    input_zero_point: int
    multiplier: int
    shift: int
    output: Quantization

    @classmethod
    def from_types(cls, x: TensorType, axes: Sequence[int], output: Quantization) -> Mean:
        """Parameters of the mean of a value over some axes of HWC."""
        count = int(np.prod([x.shape[a] for a in axes]))
        multiplier, shift = quantize_multiplier(float(np.float32(x.scale)) / float(np.float32(output.scale)))
        # The division by the count takes as many bits of the shift as it frees in the multiplier.
        spare = min(count.bit_length() - 1, 32, 31 + shift)
        return cls(
            axes=tuple(sorted(axes)),
            input_zero_point=x.zero_point,
            multiplier=(multiplier << spare) // count,
            shift=shift - spare,
            output=output,
        )

    def output_type(self, *inputs: TensorType) -> TensorType:
        if not set(self.axes) <= {0, 1, 2}:
            raise ModelError("EW-OP-SHAPE", f"mean over the axes {self.axes}")
        rows, columns, channels = (1 if i in self.axes else n for i, n in enumerate(inputs[0].shape))
        return TensorType((rows, columns, channels), "int8", self.output)

    def input_rows(self, out_row: int, *inputs: TensorType) -> tuple[range, ...]:
        return (range(inputs[0].shape[0]) if 0 in self.axes else range(out_row, out_row + 1),)

    def row_kernel(self, cpu: CpuClass, *inputs: TensorType) -> RowKernel:
        from edgewright.targets.codegen.kernels.mean import mean_kernel

        (x,) = inputs
        return mean_kernel(self, x)

    def stream_kernels(self, cpu: CpuClass, *inputs: TensorType) -> tuple[RowKernel, ...] | None:
        from edgewright.targets.codegen.kernels.mean import mean_stream_kernels

        (x,) = inputs
        return mean_stream_kernels(self, x)

    def strip(self, columns: range, *inputs: TensorType) -> tuple[OpKind, tuple[range, ...]] | None:
        return None if 1 in self.axes else (self, (columns,))

    def reach(self, *inputs: Reach) -> Reach | None:
        from edgewright.converter.intervals.elementwise import mean_reach

        (x,) = inputs
        return mean_reach(self, x)

    def channel_links(self, *inputs: TensorType) -> ChannelLinks | None:
        return None if 2 in self.axes else same_channels(*inputs)

    def channel_parameters(self, *inputs: TensorType) -> tuple[Array, ...] | None:
        return ()

    def golden(self, *inputs: Array) -> Array:
        sums = (inputs[0].astype(np.int64) - self.input_zero_point).sum(self.axes, keepdims=True)
        scaled = multiply_by_quantized_multiplier(sums, self.multiplier, self.shift)
        return np.asarray(np.clip(scaled + self.output.zero_point, -128, 127), np.int8)
