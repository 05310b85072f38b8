"""The memory of a segment: line buffers, and which of their bytes are in use at which event.

A value that is streamed keeps a ring of the rows that are still needed. Where the newest rows arrive
before the oldest are dead, they wait in a buffer of their own and are copied over the oldest afterwards:
these buffers are in use for a moment only, so all values of a segment share their memory, and a ring
needs only the rows that outlive that moment.

    ring with k rows:              k * row bytes
    with the newest row waiting:   (k - 1) * row bytes  +  row bytes for a moment
    stride 2, two rows waiting:    (k - 2) * row bytes  +  2 * row bytes for a moment
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Literal

import numpy as np
import numpy.typing as npt

from edgewright.converter.schedule.events import Events, RowLives, Simulation, needed_rows
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
        waits: Rows that are written to the buffer of the newest rows instead of their slot, ascending.
        freed: For each of them, the event that is the last to read the row in its slot.
        waiting_slots: Rows that wait at the same time at most; row r waits in slot r % waiting_slots.
        used: For each event, whether the ring's memory is in use.
    """

    slots: int
    waits: Events
    freed: Events
    waiting_slots: int
    used: npt.NDArray[np.bool_]


def ring_of(simulation: Simulation, op: RowOp, slots: int | None = None) -> Ring:
    """The line buffer of an op's output.

    Args:
        simulation: Events of the segment.
        op: What writes it.
        slots: Rows of the ring; rows that find no free slot wait. None for as many as ever needed.
    """
    lives, events = simulation.lives[op.output], len(simulation.sequence)
    made, none = lives.made, np.zeros(0, np.int64)
    if op.accumulates:
        return Ring(1, none, none, 0, _spans(made[:1], lives.last[-1:], events))
    most = most_rows(lives)
    if not slots or slots >= most:
        # Where a single row is needed at a time its memory is free in between.
        sparse = most == 1 or slots == 0
        spans = (made, lives.last) if sparse else (made[:1], lives.last[-1:])
        return Ring(most, none, none, 0, _spans(*spans, events))
    rows = np.arange(slots, len(made))
    waits = rows[lives.last[rows - slots] >= made[rows]]
    freed = lives.last[waits - slots]
    at_once = np.arange(len(waits)) + 1 - np.searchsorted(freed, made[waits], side="left")
    whole = _spans(made[:1], lives.last[-1:], events)
    return Ring(slots, waits, freed, int(at_once.max(initial=0)), whole)


def most_rows(lives: RowLives) -> int:
    """Rows of a value that are needed at the same time at most."""
    return int((np.arange(len(lives.made)) + 1 - lives.first_alive(lives.made)).max(initial=1))


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
        patched: Whether its strips are those of patches, of equal width.
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
    patched: bool = False

    def strips(self, count: int) -> list[range]:
        """Output columns of each of a number of strips."""
        if self.patched or count < 3:
            return split_columns(self.simulation.ops[-1].out_columns, count)
        return balanced_strips(self, count)

    @cached_property
    def _columns(self) -> dict[range, dict[str, range]]:
        return {}

    def columns(self, part: range) -> dict[str, range]:
        """Columns of every value that some output columns need."""
        if part not in self._columns:
            self._columns[part] = strip_columns(self.simulation.ops, part)
        return self._columns[part]

    @cached_property
    def ring_units(self) -> tuple[list[str], npt.NDArray[np.float64]]:
        """Values with line buffers, and how many of their rows take memory at each event [value, event]."""
        ops = [op for op in self.simulation.ops if op.output in self.rings]
        rows = [_ring_bytes(self.simulation, op, self.rings[op.output], 1) for op in ops]
        return [op.output for op in ops], np.array(rows, np.float64)

    @cached_property
    def copied_rows(self) -> dict[str, int]:
        """Rows that are copied from the newest rows into their ring, by value."""
        counted = {
            op.output: copies(self.simulation, op, self.rings[op.output])
            for op in self.simulation.ops
            if op.output in self.rings
        }
        return {v: count for v, count in counted.items() if count}

    @property
    def in_strips(self) -> bool:
        """Whether all of it can run on a part of the columns."""
        ops = self.simulation.ops
        return (
            len(self.written) == 1
            and ops[-1].output == self.written[0]
            and all(op.columns is not None for op in ops)
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
    bands: list[Band] = []
    for i, op in enumerate(simulation.ops):
        if op.output in rings:
            size = round_up(row_bytes[op.output], alignment)
            bands += ring_bands(simulation, op, rings[op.output], size)
        if op.scratch_bytes:
            size = round_up(op.scratch_bytes, alignment)
            name = f"{op.node}:scratch" + (":end" if op.part else "")
            bands.append(Band(name, "scratch", size, simulation.sequence == i))
    always = np.ones(len(simulation.sequence), bool)
    bands.append(Band(":state", "state", state_bytes(len(simulation.ops), alignment), always))
    return bands


def state_bytes(ops: int, alignment: int) -> int:
    """Memory of a segment's place in its sequence."""
    return round_up(STATE_BYTES + OP_STATE_BYTES * ops, alignment)


def ring_bands(simulation: Simulation, op: RowOp, ring: Ring, size: int) -> list[Band]:
    """A ring and its newest rows, of a number of bytes a row."""
    kind: Kind = "sums" if op.accumulates else "ring"
    filled = None
    if not op.accumulates and not simulation.seeks:
        # The slots are filled one after the other while the segment starts.
        events = np.arange(len(simulation.sequence))
        made = np.searchsorted(simulation.lives[op.output].made, events, side="right")
        filled = np.minimum(made, ring.slots) * size
    bands = [Band(op.output, kind, ring.slots * size, ring.used, upper=filled)]
    if len(ring.waits):
        bands.append(_waiting_band(simulation, op, ring, size))
    return bands


def _waiting_band(simulation: Simulation, op: RowOp, ring: Ring, size: int) -> Band:
    """The buffer of the newest rows, from the first slot in use to the last."""
    made, events = simulation.lives[op.output].made, len(simulation.sequence)
    slots = np.zeros((ring.waiting_slots, events), bool)
    for slot in range(ring.waiting_slots):
        own = ring.waits % ring.waiting_slots == slot
        slots[slot] = _spans(made[ring.waits[own]], ring.freed[own], events)
    lower = slots.argmax(0) * size
    upper = (ring.waiting_slots - slots[::-1].argmax(0)) * size
    name = f"{op.output}:newest"
    used = np.asarray(slots.any(0), np.bool_)
    return Band(name, "newest", ring.waiting_slots * size, used, lower=lower, upper=upper)


def shrinking_band(simulation: Simulation, name: str, size_bytes: int, rows: int, row_bytes: int) -> Band:
    """A tensor whose rows are no longer needed once the segment has read them."""
    lives, events = simulation.lives[name], np.arange(len(simulation.sequence))
    freed = lives.first_alive(events)
    return Band(name, "tensor", size_bytes, freed < rows, lower=freed * row_bytes)


def growing_band(simulation: Simulation, name: str, size_bytes: int, row_bytes: int) -> Band:
    """A tensor that the segment writes row by row."""
    made = simulation.lives[name].made
    written = np.searchsorted(made, np.arange(len(simulation.sequence)), side="right")
    upper = np.minimum(written * row_bytes, size_bytes)
    upper[written == len(made)] = size_bytes
    return Band(name, "tensor", size_bytes, written > 0, upper=upper)


def choose_rings(simulation: Simulation, streamed: Collection[str], others: Events | int) -> dict[str, Ring]:
    """Line buffers with the least memory at the segment's largest moment.

    Each begins with one slot less than rows are ever needed at once. While a ring has more slots than
    rows that are needed at the largest moment, it loses them: its rows wait longer instead.

    Args:
        simulation: Events of the segment.
        streamed: Values that need a line buffer.
        others: Bytes in use by anything else at each event.
    """
    ops = {op.output: op for op in simulation.ops if op.output in streamed}
    rings = {v: ring_of(simulation, op, most_rows(simulation.lives[v]) - 1 or None) for v, op in ops.items()}
    weights = {v: _ring_bytes(simulation, op, rings[v], op.out_row_bytes) for v, op in ops.items()}
    total = np.asarray(others + sum(weights.values()), np.int64)
    for _ in range(len(ops)):
        moment, lowered = int(total.argmax()), False
        for v, op in ops.items():
            lives = simulation.lives[v]
            needed = int(((lives.made <= moment) & (lives.last >= moment)).sum())
            if op.accumulates or needed >= rings[v].slots or rings[v].slots < 2:
                continue
            smaller = ring_of(simulation, op, needed)
            weight = _ring_bytes(simulation, op, smaller, op.out_row_bytes)
            changed = total - weights[v] + weight
            if changed.max() < total.max():
                rings[v], weights[v], total, lowered = smaller, weight, changed, True
        if not lowered:
            break
    return rings


def _ring_bytes(simulation: Simulation, op: RowOp, ring: Ring, row_bytes: int) -> Events:
    """Bytes of a ring and its newest rows at each event."""
    weights = [b.weight() for b in ring_bands(simulation, op, ring, row_bytes)]
    return np.asarray(np.sum(weights, axis=0), np.int64)


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
    return {v: Ring(slots[v], none, none, 0, used[v]) for v in streamed}


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


def round_up(size_bytes: int, alignment: int) -> int:
    """Next multiple of the alignment."""
    return -(-size_bytes // alignment) * alignment
