"""Operations that move or combine pixels of a channel and grow with each of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgewright.converter.ops.base import OpKind
from edgewright.converter.ops.channel_links import ChannelLinks, same_channels
from edgewright.converter.program import Array, TensorType

if TYPE_CHECKING:
    from edgewright.converter.intervals.reach import Reach


class SpatialOp(OpKind):
    """Every channel alone, monotone in every element, nothing stored per channel."""

    def reach(self, *inputs: Reach) -> Reach | None:
        from edgewright.converter.intervals.reach import monotone_reach

        return monotone_reach(self, *inputs)

    def channel_links(self, *inputs: TensorType) -> ChannelLinks | None:
        return same_channels(*inputs)

    def channel_parameters(self, *inputs: TensorType) -> tuple[Array, ...] | None:
        return ()
