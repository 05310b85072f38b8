"""The sequence of row kernels that runs a segment, and how long each row is needed.

Rows are pulled: the next row of the segment's last value asks for the rows it reads, these ask for
theirs, and a row is computed when it is asked for and not before. That is the order in which line
buffers hold the fewest rows; rows nobody asks for are never computed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgewright.converter.schedule.row_op import RowOp

Events = npt.NDArray[np.int64]


@dataclass(frozen=True)
class RowLives:
    """The rows of one value.

    Args:
        made: Event that writes each row, -1 for a tensor that is there before the segment.
        last: Last event that reads each row (its `made` where none does), ascending.
    """

    made: Events
    last: Events

    def first_alive(self, events: Events) -> Events:
        """Number of rows that no event from the given ones on reads."""
        return np.searchsorted(self.last, events, side="left")


@dataclass(frozen=True)
class Simulation:
    """A segment's events.

    Args:
        ops: What runs.
        sequence: Index of the op of each event.
        lives: The rows of every value read or written, by name.
    """

    ops: tuple[RowOp, ...]
    sequence: Events
    lives: Mapping[str, RowLives]


def simulate(ops: Sequence[RowOp], whole: Mapping[str, int], wanted: Sequence[str]) -> Simulation:
    """Pull all rows of some values through a segment.

    Args:
        ops: In topological order; those of pushed inputs have no inputs of their own.
        whole: Rows of the tensors that are there before, by name.
        wanted: Values to complete, the last of the segment first.
    """
    index = {op.output: i for i, op in enumerate(ops)}
    made: dict[str, list[int]] = {op.output: [] for op in ops}
    last: dict[str, list[int]] = {op.output: [] for op in ops} | {v: [-1] * n for v, n in whole.items()}
    sequence: list[int] = []
    for value in wanted:
        stack = [(value, ops[index[value]].out_rows)]
        while stack:
            name, upto = stack[-1]
            rows = made[name]
            if len(rows) >= upto:
                stack.pop()
                continue
            op = ops[index[name]]
            row = len(rows)
            for source, (_, ends) in zip(op.inputs, op.windows, strict=True):
                if source in made and len(made[source]) < ends[row]:
                    stack.append((source, ends[row]))
                    break
            else:
                event = len(sequence)
                sequence.append(index[name])
                rows.append(event)
                last[name].append(event)
                for source, (starts, ends) in zip(op.inputs, op.windows, strict=True):
                    if source is not None and ends[row] > starts[row]:
                        reads = last[source]
                        reads[starts[row] : ends[row]] = [event] * (ends[row] - starts[row])
    lives = {}
    for name, reads in last.items():
        before = np.full(len(reads), -1, np.int64) if name in whole else np.array(made[name], np.int64)
        lives[name] = RowLives(before, np.maximum.accumulate(np.array(reads, np.int64)))
    return Simulation(tuple(ops), np.array(sequence, np.int64), lives)
