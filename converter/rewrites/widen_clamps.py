"""Remove clamps that never act: many kernels are faster without."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from edgewright.converter.intervals import Reach, reachable
from edgewright.converter.ops.lookup import Lookup
from edgewright.converter.program import Node, Program
from edgewright.converter.rewrites.clamps import UNCLAMPED, Clamp, clamp_of, with_clamp


def widen_clamps(program: Program) -> Program:
    """A bound that no result reaches, whatever the input, becomes that of int8.

    A table that moves and clamps what can reach it, and no more, loses the same bounds; it may be the
    identity then.
    """
    if not any(isinstance(n.op, Lookup) or clamp_of(n.op) not in (None, UNCLAMPED) for n in program.nodes):
        return program
    reach = reachable(program)
    return replace(program, nodes=tuple(_widened(node, reach) for node in program.nodes))


def _widened(node: Node, reach: dict[str, Reach]) -> Node:
    op, clamp = node.op, clamp_of(node.op)
    if isinstance(op, Lookup):
        return replace(node, op=_simpler(op, reach[node.inputs[0]]))
    if clamp is None or clamp == UNCLAMPED:
        return node
    free = with_clamp(op, UNCLAMPED).reach(*(reach[i] for i in node.inputs))
    if free is None:
        return node
    wider = _wider(clamp, (int(free.low.min()), int(free.high.max())))
    return node if wider == clamp else replace(node, op=with_clamp(op, wider))


def _wider(clamp: Clamp, results: Clamp) -> Clamp:
    """The clamp without those bounds between which all results lie anyway."""
    low = -128 if results[0] >= clamp[0] else clamp[0]
    high = 127 if results[1] <= clamp[1] else clamp[1]
    return low, high


def _simpler(op: Lookup, x: Reach) -> Lookup:
    """clip(q + offset, low, high) of all q instead of a table that is that of the q that occur."""
    if (op.input_dtype, op.output_dtype) != ("int8", "int8"):
        return op
    first, last = int(x.low.min()), int(x.high.max())
    q, taken = np.arange(first, last + 1), op.table[first + 128 : last + 129].astype(np.int64)
    inside = np.flatnonzero((taken > taken.min()) & (taken < taken.max()))
    if not inside.size:
        return op
    offset = int(taken[inside[0]] - q[inside[0]])
    clamp = int(taken.min()), int(taken.max())
    if not np.array_equal(np.clip(q + offset, *clamp), taken):
        return op
    clamp = _wider(clamp, (first + offset, last + offset))
    table = np.clip(np.arange(-128, 128) + offset, *clamp).astype(np.int8)
    return op if np.array_equal(table, op.table) else replace(op, table=table)
