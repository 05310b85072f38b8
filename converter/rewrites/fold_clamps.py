"""Fold a table that only clamps into the clamp of the operator before it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from edgewright.converter.ops.average_pool import AveragePool
from edgewright.converter.ops.base import OpKind
from edgewright.converter.ops.binary import Add, Mul
from edgewright.converter.ops.conv2d import Conv2D
from edgewright.converter.ops.depthwise import DepthwiseConv2D
from edgewright.converter.ops.fully_connected import FullyConnected
from edgewright.converter.ops.lookup import Lookup
from edgewright.converter.ops.max_pool import MaxPool
from edgewright.converter.program import Node, Program, TensorType
from edgewright.converter.rewrites.edit import feeds_only, producers, with_nodes

Clamp = tuple[int, int]


def fold_clamps(program: Program) -> Program:
    """op, then min(max(q, low), high) of the same quantization -> op with the narrower clamp.

    The result is the same for every input because both clamps act on the final int8 value.
    """
    for node in program.nodes:
        made = producers(program)
        node = made[node.output]  # what it reads may have been joined
        before = made.get(node.inputs[0])
        clamp = _clamp_of(node, program.values[node.inputs[0]])
        if before is None or clamp is None or feeds_only(program, before.output) is None:
            continue
        op = _narrowed(before.op, clamp)
        if op is not None:
            joined = Node(before.name, op, before.inputs, node.output)
            others = (n for n in program.nodes if n.output != node.output)
            nodes = [joined if n.output == before.output else n for n in others]
            program = with_nodes(program, nodes)
    return program


def _clamp_of(node: Node, x: TensorType) -> Clamp | None:
    """(low, high) of a table that clamps and does nothing else."""
    op = node.op
    if not isinstance(op, Lookup) or op.output_type(x) != x or x.dtype != "int8":
        return None
    low, high = int(op.table.min()), int(op.table.max())
    return (low, high) if np.array_equal(op.table, np.clip(np.arange(-128, 128), low, high)) else None


def _both(first: Clamp, then: Clamp) -> Clamp:
    low, high = (min(max(bound, then[0]), then[1]) for bound in first)
    return low, high


def _narrowed(op: OpKind, clamp: Clamp) -> OpKind | None:
    """The operator with a clamp behind its own, None where it has none."""
    if isinstance(op, Conv2D | DepthwiseConv2D | FullyConnected):
        return replace(op, requantize=replace(op.requantize, clamp=_both(op.requantize.clamp, clamp)))
    if isinstance(op, Add | Mul | AveragePool | MaxPool):
        return replace(op, clamp=_both(op.clamp, clamp))
    return None
