"""Intervals of all values of a program."""

from __future__ import annotations

from edgewright.converter.intervals.reach import Reach
from edgewright.converter.program import Node, Program

MOST_ELEMENTS = 1 << 23
"""Nothing is computed of operations on larger values: their results may be anything."""


def reachable(program: Program) -> dict[str, Reach]:
    """Reach of every int8 and uint8 value; the inputs may hold anything.

    The intervals are sound: no input makes a value leave them. They are exact for a single operation
    whose inputs vary independently, and may be too wide where the same value is read twice. What is
    returned is the same at all positions of a channel (`Reach.joined`); on the way positions are told
    apart, as borders see zero points.

    Args:
        program: A well-formed program.
    """
    last = {value: node for node in program.nodes for value in node.inputs}
    found: dict[str, Reach] = {}
    for name, data in program.constants.items():
        _keep(found, name, Reach.exactly(data))
    for port in program.inputs:
        _keep(found, port.value, Reach.everything(program.values[port.value]))
    for node in program.nodes:
        reach = _of(node, program, found)
        _keep(found, node.output, reach or Reach.everything(program.values[node.output]))
        for value in dict.fromkeys(node.inputs):
            if last[value] is node and value in found:
                found[value] = found[value].joined()
    return {name: reach.joined() for name, reach in found.items()}


def _of(node: Node, program: Program, found: dict[str, Reach]) -> Reach | None:
    inputs = [found[i] for i in node.inputs if i in found]
    elements = max(program.values[v].elements for v in (*node.inputs, node.output))
    return node.op.reach(*inputs) if len(inputs) == len(node.inputs) and elements <= MOST_ELEMENTS else None


def _keep(found: dict[str, Reach], name: str, reach: Reach | None) -> None:
    if reach is not None:
        found[name] = reach
