"""Fold a Pad into the convolution or pool that reads it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from edgewright.converter.intervals import Reach, reachable
from edgewright.converter.ops.base import Padding
from edgewright.converter.ops.conv2d import Conv2D
from edgewright.converter.ops.depthwise import DepthwiseConv2D
from edgewright.converter.ops.max_pool import MaxPool
from edgewright.converter.ops.pad import Pad
from edgewright.converter.program import Node, Program
from edgewright.converter.rewrites.edit import producers, with_nodes
from edgewright.converter.rewrites.remove_dead import remove_dead


def fold_padding(program: Program) -> Program:
    """Pad(value = input zero point), conv -> conv with that padding; the same for a maximum of no less.

    Pads of -128, or of less than any value that occurs, are never the maximum, like the padding of a
    pool. Means are left alone: a pool's padding does not count in them.
    """
    made = producers(program)
    if not any(isinstance(node.op, Pad) for node in program.nodes):
        return program
    reach = reachable(program)
    return remove_dead(with_nodes(program, [_folded(node, made, reach) for node in program.nodes]))


def _folded(node: Node, made: Mapping[str, Node], reach: Mapping[str, Reach]) -> Node:
    op = node.op
    before = made.get(node.inputs[0])
    if not isinstance(op, Conv2D | DepthwiseConv2D | MaxPool) or before is None:
        return node
    pad = before.op
    if not isinstance(pad, Pad) or pad.channels_before or pad.channels_after:
        return node
    if isinstance(op, MaxPool):
        fits = pad.value <= int(reach[before.inputs[0]].low.min())
    else:
        fits = pad.value == op.input_zero_point
    padding = Padding(
        top=op.padding.top + pad.padding.top,
        bottom=op.padding.bottom + pad.padding.bottom,
        left=op.padding.left + pad.padding.left,
        right=op.padding.right + pad.padding.right,
    )
    if isinstance(op, MaxPool):
        # Every window has to see something else.
        fits = fits and max(padding.top, padding.bottom) < op.window[0]
        fits = fits and max(padding.left, padding.right) < op.window[1]
    return replace(node, op=replace(op, padding=padding), inputs=before.inputs) if fits else node
