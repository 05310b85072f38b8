"""Which channels of an op's inputs and output belong together: what removing one of them takes along.

A convolution sums over its input channels, so each of them, and each output channel, can go on its own.
A depthwise convolution, a pool or an addition makes a channel from one of each input: both stay or go.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from edgewright.converter.program import Array, Shape, TensorType

if TYPE_CHECKING:
    from edgewright.converter.ops.requantize import Requantize

Kept = npt.NDArray[np.intp]
"""Channels that stay, ascending, by their old numbers."""
Pairs = tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]


@dataclass(frozen=True, eq=False)
class ChannelLinks:
    """The channels of an op that go together.

    Args:
        pairs: For each input (channels of that input, channels of the output): position by position, one
            of the first stays if and only if the one of the second does. What is in no pair is free.
        sums: Whether the op adds up all channels of its only input with weights: then an input channel can
            go if it is constant, because its share is, or if all its weights are 0.
        fixed: Inputs all of whose channels have to stay.
    """

    pairs: tuple[Pairs, ...]
    sums: bool = False
    fixed: tuple[int, ...] = ()


def unlinked(inputs: int) -> tuple[Pairs, ...]:
    """No pairs."""
    nothing = np.empty(0, np.intp)
    return ((nothing, nothing),) * inputs


def same_channels(*inputs: TensorType) -> ChannelLinks:
    """Channel c of the output is made of channel c of every input; single channels that are repeated stay."""
    channels = max(x.shape[2] for x in inputs)
    index = np.arange(channels)
    repeated = tuple(i for i, x in enumerate(inputs) if x.shape[2] != channels)
    (nothing,) = unlinked(1)
    pairs = tuple(nothing if i in repeated else (index, index) for i in range(len(inputs)))
    return ChannelLinks(pairs, fixed=repeated)


def reshaped_channels(before: int, after: int) -> ChannelLinks | None:
    """Of elements seen with another number of channels, where one number divides the other."""
    if before % after and after % before:
        return None
    index = np.arange(max(before, after))
    return ChannelLinks(((index % before, index % after),))


def grouped_channels(groups: int, inputs: int, outputs: int) -> ChannelLinks:
    """All input and output channels of a group stay or go together."""
    per_input, per_output = inputs // groups, outputs // groups
    each = np.arange(groups)[:, None]
    pairs = [
        np.stack(np.broadcast_arrays(each * per_input + np.arange(per_input), each * per_output), -1),
        np.stack(np.broadcast_arrays(each * per_input, each * per_output + np.arange(per_output)), -1),
    ]
    both = np.concatenate([p.reshape(-1, 2) for p in pairs])
    return ChannelLinks(((both[:, 0], both[:, 1]),))


def resized(shape: Shape, channels: int) -> Shape:
    """The shape with another number of channels."""
    return shape[0], shape[1], channels


def channel_factors(requantize: Requantize) -> tuple[Array, ...]:
    """Parameters [O] of every output channel."""
    return requantize.bias, requantize.multiplier, requantize.shift


def requantized_channels(requantize: Requantize, kept: Kept) -> Requantize:
    """The parameters of some channels."""
    bias, multiplier, shift = (np.ascontiguousarray(part[kept]) for part in channel_factors(requantize))
    return replace(requantize, bias=bias, multiplier=multiplier, shift=shift)
