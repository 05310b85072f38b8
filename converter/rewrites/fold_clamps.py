"""Fold a table that only moves the zero point and clamps into the operator before it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from edgewright.converter.intervals.reach import stays_int32
from edgewright.converter.ops.base import OpKind
from edgewright.converter.ops.binary import Add, Mul
from edgewright.converter.ops.conv2d import Conv2D
from edgewright.converter.ops.depthwise import DepthwiseConv2D
from edgewright.converter.ops.fully_connected import FullyConnected
from edgewright.converter.ops.lookup import Lookup
from edgewright.converter.program import Node, Program, TensorType
from edgewright.converter.rewrites.clamps import Clamp, clamp_of, with_clamp
from edgewright.converter.rewrites.edit import feeds_only, producers, with_nodes


def fold_clamps(program: Program) -> Program:
    """op, then clip(q + offset, low, high) -> op with the narrower clamp and the table's quantization.

    The result is the same for every input because both clamps act on the final int8 value. An offset
    other than 0 is the difference of two zero points, and is added where the operator adds its own.
    """
    for node in program.nodes:
        made = producers(program)
        node = made[node.output]  # what it reads may have been joined
        before = made.get(node.inputs[0])
        if before is None or not isinstance(node.op, Lookup) or feeds_only(program, before.output) is None:
            continue
        op = _joined(before.op, node.op, program.values[before.output])
        if op is not None:
            joined = Node(before.name, op, before.inputs, node.output)
            others = (n for n in program.nodes if n.output != node.output)
            nodes = [joined if n.output == before.output else n for n in others]
            program = with_nodes(program, nodes)
    return program


def _joined(op: OpKind, table: Lookup, y: TensorType) -> OpKind | None:
    """The operator, which makes `y`, with a table behind it; None where the table does more than it can."""
    clamp = clamp_of(op)
    if clamp is None or (table.input_dtype, table.output_dtype) != ("int8", "int8"):
        return None
    offset = table.output.zero_point - y.zero_point
    low, high = int(table.table.min()), int(table.table.max())
    if not np.array_equal(table.table, np.clip(np.arange(-128, 128) + offset, low, high)):
        return None
    narrow = with_clamp(op, _both((clamp[0] + offset, clamp[1] + offset), (low, high)))
    if table.output == y.quantization:
        return narrow
    if isinstance(narrow, Add | Mul):
        return replace(narrow, output=table.output)
    if isinstance(narrow, Conv2D | DepthwiseConv2D | FullyConnected) and (offset == 0 or _small(narrow)):
        return replace(narrow, requantize=replace(narrow.requantize, output=table.output))
    return None  # Pools have the quantization of their input.


def _both(first: Clamp, then: Clamp) -> Clamp:
    low, high = (min(max(bound, then[0]), then[1]) for bound in first)
    return low, high


def _small(op: Conv2D | DepthwiseConv2D | FullyConnected) -> bool:
    """Whether no sum comes near the end of int32, where adding a zero point would wrap."""
    channel = 2 if isinstance(op, DepthwiseConv2D) else 0
    others = tuple(axis for axis in range(op.weights.ndim) if axis != channel)
    sums = 255 * np.abs(op.weights.astype(np.int64)).sum(others)
    limit = np.abs(op.requantize.bias.astype(np.int64)) + sums
    return bool(np.all(stays_int32(2 * limit, op.requantize.shift)))
