"""A reshape of a reshape is one reshape."""

from __future__ import annotations

from dataclasses import replace

from edgewright.converter.ops.reshape import Reshape
from edgewright.converter.program import Node, Program
from edgewright.converter.rewrites.edit import producers, with_nodes
from edgewright.converter.rewrites.remove_dead import remove_dead


def compose_reshapes(program: Program) -> Program:
    """Let each reshape read what the reshape before it read."""
    made = producers(program)

    def source(node: Node) -> Node:
        while isinstance(node.op, Reshape) and node.inputs[0] in made:
            before = made[node.inputs[0]]
            if not isinstance(before.op, Reshape):
                break
            node = replace(node, inputs=before.inputs)
        return node

    return remove_dead(with_nodes(program, [source(n) for n in program.nodes]))
