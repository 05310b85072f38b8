"""Channels that always come out the same need no weights."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from edgewright.converter.intervals import Reach, reachable
from edgewright.converter.intervals.sums import Bounds, fully_connected_bounds, window_bounds
from edgewright.converter.ops.conv2d import Conv2D
from edgewright.converter.ops.depthwise import DepthwiseConv2D
from edgewright.converter.ops.fixed_point import INT32_MAX, INT32_MIN
from edgewright.converter.ops.fully_connected import FullyConnected
from edgewright.converter.ops.weight_format import weight_format
from edgewright.converter.program import Node, Program

Weighted = Conv2D | DepthwiseConv2D | FullyConnected


def zero_constants(program: Program) -> Program:
    """Where all sums an output channel can have give one result, its weights become 0, its bias one of them.

    Such a channel may have to stay, as one of an output or of an addition, but then nothing reads the inputs
    of it alone any more.
    """
    if not any(isinstance(node.op, Weighted) for node in program.nodes):
        return program
    reach = reachable(program)
    return replace(program, nodes=tuple(_zeroed(node, reach) for node in program.nodes))


def _zeroed(node: Node, reach: dict[str, Reach]) -> Node:
    op = node.op
    if not isinstance(op, Weighted) or weight_format(op.weight_format).packed:
        return node
    if not (reach[node.output].constant_channels & _any_weight(op)).any():
        return node
    bounds = _bounds(op, reach[node.inputs[0]])
    if bounds is None:
        return node
    results = bounds.reach(op.requantize, twice=not isinstance(op, FullyConnected))
    constant = results.constant_channels & _any_weight(op)
    if not constant.any():
        return node
    # Where sums may wrap, only a clamp to a single value makes a constant: then any sum will do.
    sums = np.clip(bounds.low[0, 0] + op.requantize.bias, INT32_MIN, INT32_MAX)
    weights, bias = op.weights.copy(), op.requantize.bias.copy()
    weights[(..., constant) if isinstance(op, DepthwiseConv2D) else (constant,)] = 0
    bias[constant] = sums[constant]
    return replace(node, op=replace(op, weights=weights, requantize=replace(op.requantize, bias=bias)))


def _any_weight(op: Weighted) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """[O]: output channels with weights other than 0."""
    channel = 2 if isinstance(op, DepthwiseConv2D) else 0
    return np.asarray(op.weights.any(tuple(a for a in range(op.weights.ndim) if a != channel)))


def _bounds(op: Weighted, x: Reach) -> Bounds | None:
    if isinstance(op, FullyConnected):
        return fully_connected_bounds(op, x)
    found = window_bounds(op, x)
    return None if found is None else found[0]
