"""Remove channels that are constant or that nothing reads."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from edgewright.converter.intervals import Reach, reachable
from edgewright.converter.ops.base import Padding
from edgewright.converter.ops.conv2d import Conv2D
from edgewright.converter.ops.fixed_point import INT32_MAX
from edgewright.converter.ops.fully_connected import FullyConnected
from edgewright.converter.program import Node, Program
from edgewright.converter.rewrites.channel_graph import (
    CHANNEL_MULTIPLE,
    ChannelGraph,
    Mask,
    is_wide,
    links_of,
    without_channels,
)

Int64Array = npt.NDArray[np.int64]


def prune_channels(program: Program, multiple: int = CHANNEL_MULTIPLE) -> Program:
    """Drop channels that are the same for every input, and those no output depends on.

    A convolution or fully connected layer that reads a constant channel adds its share,
    sum of weights * (value - zero point), to its bias. Padded borders hold zero points: a channel with
    another value has another share there, so it stays where such a layer reads it. What is made
    channel by channel (depthwise convolutions, pools, tables, additions) loses the channel on both sides.

    Channels become constant or unread as others go, so this is repeated until nothing changes.

    Args:
        program: A well-formed program.
        multiple: Numbers of channels are rounded up to a multiple of this.
    """
    while not is_wide(program):
        reach = reachable(program)
        may_go = {name: np.ones(t.shape[2], np.bool_) for name, t in program.values.items()}
        for node in program.nodes:
            if isinstance(node.op, Conv2D | FullyConnected) and _sums(node, program):
                may_go[node.inputs[0]] &= _can_do_without(node.op, reach[node.inputs[0]])
        gone = ChannelGraph.of(program).removable(program, may_go, multiple)
        if not gone:
            break
        nodes = tuple(_with_shares(node, program, gone, reach) for node in program.nodes)
        program = without_channels(replace(program, nodes=nodes), gone)
    return program


def _sums(node: Node, program: Program) -> bool:
    links = links_of(node, program)
    return links is not None and links.sums


def _can_do_without(op: Conv2D | FullyConnected, x: Reach) -> Mask:
    """[I]: input channels with weights of 0 or a constant share, all of which fit into the biases."""
    unread = ~op.weights.any(tuple(range(op.weights.ndim - 1)))
    constant = x.constant_channels
    if isinstance(op, Conv2D) and op.padding != Padding():
        constant = constant & (x.channel_values == op.input_zero_point)
    share = np.abs(_shares(op, x))[:, constant].sum(1)
    fits = (np.abs(op.requantize.bias.astype(np.int64)) + share <= INT32_MAX).all()
    without_share = fits | (x.channel_values == op.input_zero_point)
    return np.asarray(unread | (constant & without_share))


def _shares(op: Conv2D | FullyConnected, x: Reach) -> Int64Array:
    """[O, I]: what each channel adds to each sum if it is constant; 0 where its weights are."""
    weights = op.weights.astype(np.int64)
    taps = weights.sum((1, 2)) if isinstance(op, Conv2D) else weights
    return np.asarray(taps * (x.channel_values - op.input_zero_point), np.int64)


def _with_shares(node: Node, program: Program, gone: dict[str, Mask], reach: dict[str, Reach]) -> Node:
    """The node with the shares of the channels that go in its biases."""
    op = node.op
    if not isinstance(op, Conv2D | FullyConnected) or node.inputs[0] not in gone or not _sums(node, program):
        return node
    x = reach[node.inputs[0]]
    # A channel that is not constant goes because all its weights are 0.
    share = _shares(op, x)[:, gone[node.inputs[0]] & x.constant_channels].sum(1)
    bias = (op.requantize.bias + share).astype(np.int32)
    return replace(node, op=replace(op, requantize=replace(op.requantize, bias=bias)))
