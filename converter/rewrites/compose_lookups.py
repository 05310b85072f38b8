"""A table of a table is one table."""

from __future__ import annotations

from edgewright.converter.ops.lookup import Lookup
from edgewright.converter.ops.requantize import DTYPE_RANGE
from edgewright.converter.program import Node, Program
from edgewright.converter.rewrites.edit import feeds_only, producers, with_nodes

# Names of tables that only change the representation; the composed table is called after the other.
REPRESENTATION = ("requantize", "reinterpret")


def compose_lookups(program: Program) -> Program:
    """Join a table with the one before it, where nothing else reads the value between them."""
    for node in program.nodes:
        made = producers(program)
        current = made[node.output]  # what it reads may have been joined
        before = made.get(current.inputs[0])
        if before is None or not isinstance(before.op, Lookup) or not isinstance(current.op, Lookup):
            continue
        if feeds_only(program, before.output) is None:
            continue
        name = current.name if current.op.source not in REPRESENTATION else before.name
        joined = Node(name, _composed(before.op, current.op), before.inputs, current.output)
        nodes = [joined if n is current else n for n in program.nodes if n is not before]
        program = with_nodes(program, nodes)
    return program


def _composed(first: Lookup, then: Lookup) -> Lookup:
    """then(first(q)) of every q."""
    table = then.table[first.table.astype(int) - DTYPE_RANGE[then.input_dtype][0]]
    named = [op.source for op in (first, then) if op.source not in REPRESENTATION]
    source = "_".join(dict.fromkeys(named)) or first.source
    return Lookup(table, first.input_dtype, then.output_dtype, then.output, source)
