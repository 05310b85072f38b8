"""Remove what no output depends on."""

from __future__ import annotations

from dataclasses import replace

from edgewright.converter.program import Program


def remove_dead(program: Program) -> Program:
    """Keep the nodes and constants that some output depends on; graph inputs stay."""
    needed = {p.value for p in program.outputs}
    kept = []
    for node in reversed(program.nodes):
        if node.output in needed:
            kept.append(node)
            needed.update(node.inputs)
    inputs = {p.value for p in program.inputs}
    return replace(
        program,
        nodes=tuple(reversed(kept)),
        constants={name: data for name, data in program.constants.items() if name in needed},
        values={name: tensor for name, tensor in program.values.items() if name in needed | inputs},
    )
