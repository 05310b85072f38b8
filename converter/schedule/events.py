"""The sequence of row kernels that runs a segment, and how long each row is needed.

Rows are pulled: the next row of the segment's last value asks for the rows it reads, these ask for
theirs, and a row is computed when it is asked for and not before. That is the order in which line
buffers hold the fewest rows; rows nobody asks for are never computed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

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
        lives: The rows of every value read or written, by name; of rows that are computed again, from the
            first time to the last.
        seeks: Row at which an op goes on, by event, where it is not the next one.
    """

    ops: tuple[RowOp, ...]
    sequence: Events
    lives: Mapping[str, RowLives]
    seeks: Mapping[int, int] = field(default_factory=dict)


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


def simulate_blocks(ops: Sequence[RowOp], whole: Mapping[str, int], blocks: int) -> Simulation:
    """Compute the last op's rows block by block, each block layer by layer.

    Rows that two blocks need are computed twice: the halo of patch-based inference (MCUNetV2, 2021).

    Args:
        ops: In topological order.
        whole: Rows of the tensors that are there before, by name.
        blocks: Number of blocks of rows.
    """
    made: dict[str, list[int]] = {op.output: [-1] * op.out_rows for op in ops}
    last: dict[str, list[int]] = {v: [-1] * len(rows) for v, rows in made.items()}
    last |= {v: [-1] * n for v, n in whole.items()}
    sequence: list[int] = []
    seeks: dict[int, int] = {}
    rows = ops[-1].out_rows
    for block in range(blocks):
        needed = needed_rows(ops, range(block * rows // blocks, (block + 1) * rows // blocks))
        for index, op in enumerate(ops):
            seeks[len(sequence)] = needed[op.output].start
            for row in needed[op.output]:
                event = len(sequence)
                sequence.append(index)
                made[op.output][row] = event if made[op.output][row] < 0 else made[op.output][row]
                last[op.output][row] = event
                for source, (starts, ends) in zip(op.inputs, op.windows, strict=True):
                    if source is not None:
                        last[source][starts[row] : ends[row]] = [event] * (ends[row] - starts[row])
    lives = {}
    for name, reads in last.items():
        before = made.get(name, [-1] * len(reads))
        ascending = np.maximum.accumulate(np.array(reads, np.int64))
        lives[name] = RowLives(np.array(before, np.int64), ascending)
    return Simulation(tuple(ops), np.array(sequence, np.int64), lives, seeks)


def needed_rows(ops: Sequence[RowOp], rows: range) -> dict[str, range]:
    """Rows of every value that some rows of the last op's output need."""
    needed = {ops[-1].output: rows}
    for op in reversed(ops):
        own = needed.get(op.output, range(0))
        for source, (starts, ends) in zip(op.inputs, op.windows, strict=True):
            reads = [r for r in own if ends[r] > starts[r]]
            if source is None or not reads:
                continue
            low, high = min(starts[r] for r in reads), max(ends[r] for r in reads)
            if needed.get(source):
                low, high = min(low, needed[source].start), max(high, needed[source].stop)
            needed[source] = range(low, high)
    return {op.output: needed.get(op.output, range(0)) for op in ops}
