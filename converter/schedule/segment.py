"""The memory of a segment: line buffers, and which of their bytes are in use at which event.

A value that is streamed keeps a ring of the rows that are still needed. Where the newest row arrives
before the oldest is dead, it waits in a buffer of its own and is copied over the oldest afterwards:
these buffers are in use for a moment only, so all values of a segment share their memory, and a ring
needs one row less.

    ring with k rows:   k * row bytes
    with a newest row:  (k - 1) * row bytes  +  row bytes for a moment
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from edgewright.converter.schedule.events import Events, Simulation, needed_rows
from edgewright.converter.schedule.row_op import RowOp

Kind = Literal["tensor", "ring", "newest", "sums", "scratch", "state"]
InputMode = Literal["resident", "rows"]
# Where a segment is in its sequence; for each op its next row and the row that waits to be copied
# (`ew_stream_state`, `ew_op_state`).
STATE_BYTES = 8
OP_STATE_BYTES = 4


@dataclass(frozen=True)
class Ring:
    """Line buffer of one streamed value.

    Args:
        slots: Rows the ring holds; row r lies in slot r % slots.
        waits: Rows that are written to the newest-row buffer instead of their slot.
        freed: For each of them, the event that is the last to read the row in its slot.
        used: For each event, whether the ring's memory is in use.
    """

    slots: int
    waits: Events
    freed: Events
    used: npt.NDArray[np.bool_]


def ring_of(simulation: Simulation, op: RowOp, *, newest: bool) -> Ring:
    """The line buffer of an op's output, with or without a buffer for the newest row."""
    lives, events = simulation.lives[op.output], len(simulation.sequence)
    made, rows = lives.made, len(lives.made)
    none = np.zeros(0, np.int64)
    if op.accumulates:
        return Ring(1, none, none, _spans(made[:1], lives.last[-1:], events))
    dead = lives.first_alive(made)
    alive = np.arange(rows) + 1 - dead
    most = int(alive.max())
    if most == 1:
        return Ring(1, none, none, _spans(made, lives.last, events))
    whole = _spans(made[:1], lives.last[-1:], events)
    if not newest:
        return Ring(most, none, none, whole)
    waits = np.flatnonzero(alive == most)
    return Ring(most - 1, waits, lives.last[dead[waits]], whole)


def waiting(simulation: Simulation, op: RowOp, ring: Ring) -> npt.NDArray[np.bool_]:
    """For each event, whether the newest-row buffer of a ring is in use."""
    made = simulation.lives[op.output].made
    return _spans(made[ring.waits], ring.freed, len(simulation.sequence))


def copies(simulation: Simulation, op: RowOp, ring: Ring) -> int:
    """Rows that are copied from the newest-row buffer into the ring."""
    return int((simulation.lives[op.output].last[ring.waits] > ring.freed).sum())


def _spans(first: Events, last: Events, events: int) -> npt.NDArray[np.bool_]:
    """Events inside any of some spans (inclusive)."""
    edges = np.zeros(events + 1, np.int64)
    np.add.at(edges, first, 1)
    np.add.at(edges, last + 1, -1)
    return np.cumsum(edges[:-1]) > 0


@dataclass(frozen=True, eq=False)
class Streamed:
    """Nodes `first` .. `stop - 1` streamed row by row: what does not depend on the strips.

    Args:
        first, stop: Positions in the network.
        fed: Graph input whose rows are pushed, else None.
        simulation: Events of one strip.
        rings: Line buffer of every streamed value.
        dying: Tensors read here and needed no more afterwards.
        kept: Other tensors read here.
        written: Tensors written here and needed afterwards.
        passing_bytes: Tensors that are alive and not touched.
    """

    first: int
    stop: int
    fed: str | None
    simulation: Simulation
    rings: Mapping[str, Ring]
    dying: tuple[str, ...]
    kept: tuple[str, ...]
    written: tuple[str, ...]
    passing_bytes: int

    @property
    def in_strips(self) -> bool:
        """Whether all of it can run on a part of the columns."""
        ops = self.simulation.ops
        return len(self.written) == 1 and ops[-1].output == self.written[0] and all(
            op.columns is not None for op in ops
        )


@dataclass(frozen=True)
class Band:
    """Memory of a segment: which of its bytes are in use at each event.

    Args:
        name: Value, `<value>:newest` or `<node>:scratch`.
        kind: What lies there.
        size_bytes: Rounded up to the alignment.
        used: For each event, whether any byte is in use.
        lower: For each event, first byte in use: a tensor's rows die from the first on.
        upper: For each event, end of the bytes in use: a tensor's rows are written from the first on.
    """

    name: str
    kind: Kind
    size_bytes: int
    used: npt.NDArray[np.bool_]
    lower: Events | None = None
    upper: Events | None = None

    def weight(self) -> Events:
        """Bytes in use at each event."""
        top = self.size_bytes if self.upper is None else self.upper
        bottom = 0 if self.lower is None else self.lower
        return np.where(self.used, np.asarray(top - bottom, np.int64), 0)


def stream_bands(
    simulation: Simulation,
    rings: Mapping[str, Ring],
    row_bytes: Mapping[str, int],
    alignment: int,
) -> list[Band]:
    """Rings, newest rows, sums, scratch and state of a streamed segment."""
    events = len(simulation.sequence)
    bands: list[Band] = []
    for i, op in enumerate(simulation.ops):
        if op.output in rings:
            ring, size = rings[op.output], round_up(row_bytes[op.output], alignment)
            kind: Kind = "sums" if op.accumulates else "ring"
            # The slots are filled one after the other while the segment starts.
            made = np.searchsorted(simulation.lives[op.output].made, np.arange(events), side="right")
            filled = None if op.accumulates or simulation.seeks else np.minimum(made, ring.slots) * size
            bands.append(Band(op.output, kind, ring.slots * size, ring.used, upper=filled))
            if len(ring.waits):
                used = waiting(simulation, op, ring)
                bands.append(Band(f"{op.output}:newest", "newest", size, used))
        if op.scratch_bytes:
            size = round_up(op.scratch_bytes, alignment)
            name = f"{op.node}:scratch" + (":end" if op.part else "")
            bands.append(Band(name, "scratch", size, simulation.sequence == i))
    state = round_up(STATE_BYTES + OP_STATE_BYTES * len(simulation.ops), alignment)
    bands.append(Band(":state", "state", state, np.ones(events, bool)))
    return bands


def shrinking_band(simulation: Simulation, name: str, size_bytes: int, rows: int) -> Band:
    """A tensor whose rows are no longer needed once the segment has read them."""
    lives, events = simulation.lives[name], np.arange(len(simulation.sequence))
    freed = lives.first_alive(events)
    return Band(name, "tensor", size_bytes, freed < rows, lower=freed * (size_bytes // rows))


def growing_band(simulation: Simulation, name: str, size_bytes: int, row_bytes: int) -> Band:
    """A tensor that the segment writes row by row."""
    made = simulation.lives[name].made
    written = np.searchsorted(made, np.arange(len(simulation.sequence)), side="right")
    upper = np.minimum(written * row_bytes, size_bytes)
    upper[written == len(made)] = size_bytes
    return Band(name, "tensor", size_bytes, written > 0, upper=upper)


def choose_rings(simulation: Simulation, streamed: Collection[str]) -> dict[str, Ring]:
    """Line buffers with the least memory: newest rows wait in a buffer of their own."""
    return {
        op.output: ring_of(simulation, op, newest=True) for op in simulation.ops if op.output in streamed
    }


def block_rings(simulation: Simulation, streamed: Collection[str], blocks: int) -> dict[str, Ring]:
    """Memory of the values of patches: all rows of a block, while the block needs them."""
    ops, events = simulation.ops, len(simulation.sequence)
    rows, none = ops[-1].out_rows, np.zeros(0, np.int64)
    slots = dict.fromkeys(streamed, 1)
    used = {v: np.zeros(events, bool) for v in streamed}
    event = 0
    for block in range(blocks):
        needed = needed_rows(ops, range(block * rows // blocks, (block + 1) * rows // blocks))
        spans: dict[str, tuple[int, int]] = {}
        for op in ops:
            count = len(needed[op.output])
            if op.output in slots:
                slots[op.output] = max(slots[op.output], count)
                spans[op.output] = (event, event + count - 1)
            for source in op.inputs:
                if source in spans and count:
                    spans[source] = (spans[source][0], event + count - 1)
            event += count
        for value, (low, high) in spans.items():
            used[value][low : high + 1] = True
    return {v: Ring(slots[v], none, none, used[v]) for v in streamed}


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


def split_columns(columns: int, strips: int) -> list[range]:
    """Output columns of each strip."""
    return [range(s * columns // strips, (s + 1) * columns // strips) for s in range(strips)]


def round_up(size_bytes: int, alignment: int) -> int:
    """Next multiple of the alignment."""
    return -(-size_bytes // alignment) * alignment
