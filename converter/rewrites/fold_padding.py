"""Fold a Pad of zero points into the convolution that reads it."""

from __future__ import annotations

from dataclasses import replace

from edgewright.converter.ops.base import Padding
from edgewright.converter.ops.conv2d import Conv2D
from edgewright.converter.ops.depthwise import DepthwiseConv2D
from edgewright.converter.ops.pad import Pad
from edgewright.converter.program import Node, Program
from edgewright.converter.rewrites.edit import producers, with_nodes
from edgewright.converter.rewrites.remove_dead import remove_dead


def fold_padding(program: Program) -> Program:
    """Pad(value = input zero point), conv -> conv with that padding.

    Pools are left alone: their own padding does not count in the mean and is never the maximum.
    """
    made = producers(program)
    return remove_dead(with_nodes(program, [_folded(node, made) for node in program.nodes]))


def _folded(node: Node, made: dict[str, Node]) -> Node:
    op = node.op
    before = made.get(node.inputs[0])
    if not isinstance(op, Conv2D | DepthwiseConv2D) or before is None or not isinstance(before.op, Pad):
        return node
    pad = before.op
    if pad.value != op.input_zero_point or pad.channels_before or pad.channels_after:
        return node
    padding = Padding(
        top=op.padding.top + pad.padding.top,
        bottom=op.padding.bottom + pad.padding.bottom,
        left=op.padding.left + pad.padding.left,
        right=op.padding.right + pad.padding.right,
    )
    return replace(node, op=replace(op, padding=padding), inputs=before.inputs)
