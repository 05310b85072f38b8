"""Slices of slices and of concatenations read the tensor that holds their elements."""

from __future__ import annotations

from dataclasses import replace

from edgewright.converter.ops.concat import Concat
from edgewright.converter.ops.slice import Slice
from edgewright.converter.program import Node, Program, Shape
from edgewright.converter.rewrites.edit import output_values, producers, readers, with_nodes
from edgewright.converter.rewrites.remove_dead import remove_dead

Ranges = tuple[range, range, range]


def compose_slices(program: Program) -> Program:
    """Slice(Slice(x)) -> Slice(x); Slice(Concat(a, b)) -> Slice(b) where it takes elements of b alone.

    Only where all readers of the value between them can do without it: else both would be kept in memory.
    """
    for value in [n.output for n in program.nodes if isinstance(n.op, Slice | Concat)]:
        reading = readers(program).get(value, [])
        if not reading or value in output_values(program):
            continue
        direct = {n.output: _direct(n, producers(program)[value], program) for n in reading}
        if None in direct.values():
            continue
        nodes = [direct.get(n.output) or n for n in program.nodes]
        program = remove_dead(with_nodes(program, nodes))
    return program


def _direct(node: Node, before: Node, program: Program) -> Node | None:
    """The slice, reading what the operation before it read; None where that is no slice of one value."""
    if not isinstance(node.op, Slice):
        return None
    if isinstance(before.op, Slice):
        rows, columns, channels = (
            outer[_start(inner) : _stop(inner) : inner.step]
            for outer, inner in zip(before.op.ranges(), node.op.ranges(), strict=True)
        )
        return replace(node, op=_slice((rows, columns, channels)), inputs=before.inputs)
    assert isinstance(before.op, Concat)
    axis, start = before.op.axis, 0
    taken = node.op.ranges()
    for value in before.inputs:
        size = program.values[value].shape[axis]
        ends = {taken[axis][0] - start, taken[axis][-1] - start}
        if min(ends) >= 0 and max(ends) < size:
            own = range(taken[axis].start - start, taken[axis].stop - start, taken[axis].step)
            rows, columns, channels = (own if i == axis else r for i, r in enumerate(taken))
            return replace(node, op=_slice((rows, columns, channels)), inputs=(value,))
        start += size
    return None


def _start(indices: range) -> int:
    return indices[0]


def _stop(indices: range) -> int | None:
    """Python's end of a slice that takes these indices: None, not -1, where it runs back to the first."""
    stop = indices[-1] + (1 if indices.step > 0 else -1)
    return None if stop < 0 else stop


def _slice(taken: Ranges) -> Slice:
    """The slice of these indices, each end just behind the last of them."""

    def ends(choose: int) -> Shape:
        rows, columns, channels = ((r[0], r[-1] + (1 if r.step > 0 else -1), r.step)[choose] for r in taken)
        return rows, columns, channels

    return Slice(ends(0), ends(1), ends(2))
