"""What rewrites share: who reads a value, and a program with other nodes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from edgewright.converter.program import Node, Program


def readers(program: Program) -> dict[str, list[Node]]:
    """Nodes reading each value; a graph output does not count (`output_values`)."""
    found: dict[str, list[Node]] = {}
    for node in program.nodes:
        for value in dict.fromkeys(node.inputs):
            found.setdefault(value, []).append(node)
    return found


def output_values(program: Program) -> set[str]:
    """Values that are graph outputs."""
    return {p.value for p in program.outputs}


def producers(program: Program) -> dict[str, Node]:
    """Node making each value."""
    return {n.output: n for n in program.nodes}


def feeds_only(program: Program, value: str) -> Node | None:
    """The one node that reads a value, None where others do or it is a graph output."""
    found = readers(program).get(value, [])
    return found[0] if len(found) == 1 and value not in output_values(program) else None


def with_nodes(program: Program, nodes: Sequence[Node], renamed: Mapping[str, str] | None = None) -> Program:
    """The program with other nodes; values nobody makes or holds any more are forgotten.

    Args:
        program: The program.
        nodes: Its new nodes, in order; their output types are taken from `program.values`.
        renamed: Values that are now read under another name, in nodes and outputs.
    """
    names = dict(renamed or {})

    def now(value: str) -> str:
        while value in names:
            value = names[value]
        return value

    read = tuple(replace(n, inputs=tuple(now(i) for i in n.inputs)) for n in nodes)
    kept = {p.value for p in program.inputs} | set(program.constants) | {n.output for n in read}
    return replace(
        program,
        nodes=read,
        outputs=tuple(replace(p, value=now(p.value)) for p in program.outputs),
        values={name: tensor for name, tensor in program.values.items() if name in kept},
    )
