"""Which channels of a program go together, and the removal of those that may go."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from edgewright.converter.ops.channel_links import ChannelLinks
from edgewright.converter.program import Node, Program, TensorType

Mask = npt.NDArray[np.bool_]

CHANNEL_MULTIPLE = 4
"""Kernels read four int8 channels a word: what is left of a value's channels is rounded up to this."""


MOST_CHANNELS = 1 << 22
"""Of all values of a program together; those of larger ones are left as they are."""


@dataclass(frozen=True, eq=False)
class ChannelGraph:
    """All channels of all values, and the groups of them that stay or go together.

    Args:
        start: Index of the first channel of each value.
        group: [all channels] group of each channel, the index of its first one.
        locked: [all channels] those that have to stay.
    """

    start: Mapping[str, int]
    group: npt.NDArray[np.intp]
    locked: Mask

    @classmethod
    def of(cls, program: Program) -> ChannelGraph:
        """Inputs and outputs of the program keep their channels, and so do ops that do not know theirs."""
        sizes = [tensor.shape[2] for tensor in program.values.values()]
        start = dict(zip(program.values, np.cumsum([0, *sizes]).tolist(), strict=False))
        locked = np.zeros(sum(sizes), np.bool_)

        def lock(value: str) -> None:
            locked[start[value] : start[value] + program.values[value].shape[2]] = True

        for port in (*program.inputs, *program.outputs):
            lock(port.value)
        pairs: list[npt.NDArray[np.intp]] = [np.empty((2, 0), np.intp)]
        for node in program.nodes:
            links = links_of(node, program)
            for i, value in enumerate(node.inputs):
                if links is None or i in links.fixed:
                    lock(value)
                else:
                    first, second = links.pairs[i]
                    pairs.append(np.stack([first + start[value], second + start[node.output]]))
            if links is None:
                lock(node.output)
        return cls(start, _connected(locked.size, np.concatenate(pairs, 1)), locked)

    def removable(self, program: Program, may_go: Mapping[str, Mask], multiple: int) -> dict[str, Mask]:
        """The channels that go, for each value that loses some.

        Args:
            program: The program of this graph.
            may_go: Channels all of whose readers that add up channels can do without; others stay.
            multiple: The number of channels left is rounded up to a multiple of this; 1 keeps just one
                where all could go.
        """
        own = {
            name: self.group[self.start[name] : self.start[name] + tensor.shape[2]]
            for name, tensor in program.values.items()
        }
        kept = np.zeros(self.group.size, np.bool_)  # of groups, by their first channel
        kept[self.group[self.locked]] = True
        for name, groups in own.items():
            kept[groups[~may_go[name]]] = True
        # A channel that comes back may bring others back, in values that had enough of them.
        while any([_fill_up(kept, groups, multiple) for groups in own.values()]):
            pass
        found = {name: ~kept[groups] for name, groups in own.items()}
        return {name: gone for name, gone in found.items() if gone.any()}


def is_wide(program: Program) -> bool:
    """Whether there are too many channels to look at each."""
    return sum(tensor.shape[2] for tensor in program.values.values()) > MOST_CHANNELS


def links_of(node: Node, program: Program) -> ChannelLinks | None:
    """`OpKind.channel_links` of a node."""
    return node.op.channel_links(*(program.values[i] for i in node.inputs))


def without_channels(program: Program, gone: Mapping[str, Mask]) -> Program:
    """The program without some channels, whose shares the readers' weights and biases already hold."""

    def kept(value: str) -> npt.NDArray[np.intp]:
        if value in gone:
            return np.flatnonzero(~gone[value])
        return np.arange(program.values[value].shape[2])

    def shrunk(name: str, tensor: TensorType) -> TensorType:
        return replace(tensor, shape=(*tensor.shape[:2], kept(name).size)) if name in gone else tensor

    def cut(node: Node) -> Node:
        if not any(value in gone for value in (*node.inputs, node.output)):
            return node
        return replace(node, op=node.op.with_channels(tuple(map(kept, node.inputs)), kept(node.output)))

    return replace(
        program,
        nodes=tuple(map(cut, program.nodes)),
        values={name: shrunk(name, tensor) for name, tensor in program.values.items()},
        constants={
            name: np.ascontiguousarray(data[..., kept(name)]) if name in gone else data
            for name, data in program.constants.items()
        },
    )


def _fill_up(kept: Mask, groups: npt.NDArray[np.intp], multiple: int) -> bool:
    """Keep the first of a value's groups that go, as many as are missing; whether any were."""
    gone = np.flatnonzero(~kept[groups])
    left = groups.size - gone.size
    missing = min(groups.size, -(-max(left, 1) // multiple) * multiple) - left
    kept[groups[gone[:missing]]] = True
    return missing > 0


def _connected(size: int, pairs: npt.NDArray[np.intp]) -> npt.NDArray[np.intp]:
    """Smallest member of the group of each of `size` things; the two of a pair [2, N] are in one group."""
    group = np.arange(size)
    first, second = pairs
    while True:
        least = np.minimum(group[first], group[second])
        if np.array_equal(group[first], group[second]):
            return group
        # What a representative is joined with, all it represents is joined with.
        for members in (group[first], group[second], first, second):
            np.minimum.at(group, members, least)
        group = group[group]
