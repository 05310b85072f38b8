"""Compute what depends on no input when the model is compiled."""

from __future__ import annotations

from dataclasses import replace

from edgewright.converter.ops.reshape import Reshape
from edgewright.converter.program import Node, Program
from edgewright.converter.rewrites.edit import output_values
from edgewright.converter.rewrites.remove_dead import remove_dead


def fold_constants(program: Program) -> Program:
    """op of constants -> the constant it makes, where that takes no more flash than what it is made of.

    Outputs of the program stay computed.
    """
    for node in program.nodes:
        if set(node.inputs) <= set(program.constants) and _worth(node, program):
            data = node.op.golden(*(program.constants[i] for i in node.inputs))
            nodes = tuple(n for n in program.nodes if n is not node)
            program = replace(program, nodes=nodes, constants={**program.constants, node.output: data})
    return remove_dead(program)


def _worth(node: Node, program: Program) -> bool:
    made = program.values[node.output]
    if node.output in output_values(program) or made.dtype != "int8":
        return False
    others = {i for n in program.nodes if n is not node for i in n.inputs}
    freed = sum(program.values[i].size_bytes for i in set(node.inputs) - others) + node.op.weights_bytes
    return isinstance(node.op, Reshape) or made.size_bytes <= freed
