"""Compute equal things once."""

from __future__ import annotations

import numpy as np

from edgewright.converter.ops.base import OpKind
from edgewright.converter.program import Array, Node, Program, TensorType
from edgewright.converter.program_json import encode
from edgewright.converter.rewrites.edit import output_values, with_nodes


def share_equal(program: Program) -> Program:
    """Operations with equal attributes that read the same values make the same: the first one serves all.

    Two outputs of the program stay two values.
    """
    outputs = output_values(program)
    renamed: dict[str, str] = {}
    kept: list[Node] = []
    alike: dict[tuple[str, tuple[str, ...], TensorType], list[Node]] = {}
    for node in program.nodes:
        inputs = tuple(renamed.get(i, i) for i in node.inputs)
        others = alike.setdefault((type(node.op).__name__, inputs, program.values[node.output]), [])
        twin = next((n for n in others if _equal(n.op, node.op)), None)
        if twin is None or {twin.output, node.output} <= outputs:
            others.append(node)
            kept.append(node)
        else:
            renamed[node.output] = twin.output
    return with_nodes(program, kept, renamed) if renamed else program


def _equal(first: OpKind, second: OpKind) -> bool:
    """Whether all attributes are the same."""
    arrays: tuple[dict[str, Array], dict[str, Array]] = ({}, {})
    if encode(first, arrays[0], "op") != encode(second, arrays[1], "op"):
        return False
    return all(np.array_equal(data, arrays[1][place]) for place, data in arrays[0].items())
