"""Another shape for the same elements; moves no data (RESHAPE, SQUEEZE, EXPAND_DIMS)."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from edgewright.converter.ops.base import OpKind
from edgewright.converter.ops.channel_links import ChannelLinks, Kept, reshaped_channels, resized
from edgewright.converter.program import Array, Shape, TensorType
from edgewright.errors import ModelError

if TYPE_CHECKING:
    from edgewright.converter.intervals.reach import Reach


@dataclass(frozen=True, eq=False)
class Reshape(OpKind):
    """The input's elements in order, as `shape` (HWC)."""

    kind: ClassVar[str] = "reshape"
    in_place_input: ClassVar[int | None] = 0

    shape: Shape

    def output_type(self, *inputs: TensorType) -> TensorType:
        (x,) = inputs
        if prod(self.shape) != x.elements:
            raise ModelError("EW-OP-SHAPE", f"reshape of {x.shape} to {self.shape}")
        return TensorType(self.shape, x.dtype, x.quantization)

    def input_rows(self, out_row: int, *inputs: TensorType) -> tuple[range, ...]:
        (x,) = inputs
        row, source_row = self.shape[1] * self.shape[2], x.shape[1] * x.shape[2]
        return (range(out_row * row // source_row, -(-(out_row + 1) * row // source_row)),)

    def reach(self, *inputs: Reach) -> Reach | None:
        from edgewright.converter.intervals.reach import monotone_reach

        return monotone_reach(self, *inputs)

    def channel_links(self, *inputs: TensorType) -> ChannelLinks | None:
        return reshaped_channels(inputs[0].shape[2], self.shape[2])

    def channel_parameters(self, *inputs: TensorType) -> tuple[Array, ...] | None:
        channels = inputs[0].shape[2]
        # Each of more channels than before holds a channel of one position.
        return None if self.shape[2] % channels else (np.arange(self.shape[2]) // channels,)

    def with_channels(self, inputs: tuple[Kept, ...], output: Kept) -> Reshape:
        return Reshape(resized(self.shape, output.size))

    def golden(self, *inputs: Array) -> Array:
        return inputs[0].reshape(self.shape)
