"""Column strips: which columns of every value a strip needs, and how wide each strip is."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from edgewright.converter.schedule.row_op import RowOp

if TYPE_CHECKING:
    from edgewright.converter.schedule.segment import Streamed


def strip_columns(ops: Sequence[RowOp], columns: range) -> dict[str, range]:
    """Columns of every value that a segment's last op needs for some of its output columns."""
    needed = {ops[-1].output: columns}
    for op in reversed(ops):
        if op.output not in needed or op.columns is None:
            continue
        for source, access in zip(op.inputs, op.columns, strict=True):
            if source is not None:
                own, known = access.needed(needed[op.output]), needed.get(source)
                low = min(own.start, known.start) if known else own.start
                needed[source] = range(low, max(own.stop, known.stop) if known else own.stop)
    return needed


def split_columns(columns: int, strips: int, border_columns: int = 0) -> list[range]:
    """Output columns of each strip; the outer ones have up to `border_columns` more than the inner ones.

    >>> split_columns(10, 2)
    [range(0, 5), range(5, 10)]
    >>> split_columns(12, 3, 3)
    [range(0, 5), range(5, 7), range(7, 12)]
    """
    inner = (columns - 2 * border_columns) // strips
    if strips < 3 or inner < 1:
        return [range(s * columns // strips, (s + 1) * columns // strips) for s in range(strips)]
    left = (columns - (strips - 2) * inner) // 2
    edges = [0, *(left + inner * s for s in range(strips - 1)), columns]
    return [range(low, high) for low, high in pairwise(edges)]


def balanced_strips(segment: Streamed, strips: int) -> list[range]:
    """Output columns of each strip, so that all need about the same memory.

    The outer strips have a halo at one side only and may be wider.
    """
    ops, rings = segment.simulation.ops, segment.rings
    columns = ops[-1].out_columns
    pixels = [
        (op.output, op.out_row_bytes / op.out_columns, rings[op.output]) for op in ops if op.output in rings
    ]

    def memory(part: range) -> float:
        needed = segment.columns(part)
        held, waiting = 0.0, 0.0
        for value, pixel, ring in pixels:
            row = pixel * len(needed[value])
            held += row * ring.slots
            waiting = max(waiting, row * ring.waiting_slots)
        return held + waiting

    def largest(extra: int) -> tuple[float, bool]:
        parts = split_columns(columns, strips, extra)
        outer, inner = max(memory(parts[0]), memory(parts[-1])), memory(parts[1])
        return max(outer, inner), outer >= inner

    low, high = 0, (columns - strips) // 2 if strips > 2 else 0
    while low < high:
        middle = (low + high) // 2
        if largest(middle)[1]:
            high = middle
        else:
            low = middle + 1
    best = min((max(0, low - 1), low), key=lambda extra: largest(extra)[0])
    return split_columns(columns, strips, best)
