"""Line buffers: how many rows of a value are kept, and which of them wait.

A value that is streamed keeps a ring of the rows that are still needed. Where the newest rows arrive
before the oldest are dead, they wait in a buffer of their own and are copied over the oldest afterwards:
these buffers are in use for a moment only, so all values of a segment share their memory, and a ring
needs only the rows that outlive that moment.

    ring with k rows:              k * row bytes
    with the newest row waiting:   (k - 1) * row bytes  +  row bytes for a moment
    stride 2, two rows waiting:    (k - 2) * row bytes  +  2 * row bytes for a moment
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgewright.converter.schedule.band import Band, Kind
from edgewright.converter.schedule.events import Events, RowLives, Simulation, needed_rows
from edgewright.converter.schedule.row_op import RowOp


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
    weights = {v: ring_bytes(simulation, op, rings[v], op.out_row_bytes) for v, op in ops.items()}
    total = np.asarray(others + sum(weights.values()), np.int64)
    for _ in range(len(ops)):
        moment, lowered = int(total.argmax()), False
        for v, op in ops.items():
            lives = simulation.lives[v]
            needed = int(((lives.made <= moment) & (lives.last >= moment)).sum())
            if op.accumulates or needed >= rings[v].slots or rings[v].slots < 2:
                continue
            smaller = ring_of(simulation, op, needed)
            weight = ring_bytes(simulation, op, smaller, op.out_row_bytes)
            changed = total - weights[v] + weight
            if changed.max() < total.max():
                rings[v], weights[v], total, lowered = smaller, weight, changed, True
        if not lowered:
            break
    return rings


def ring_bytes(simulation: Simulation, op: RowOp, ring: Ring, row_bytes: int) -> Events:
    """Bytes of a ring and its newest rows at each event."""
    weights = [b.weight() for b in ring_bands(simulation, op, ring, row_bytes)]
    return np.asarray(np.sum(weights, axis=0), np.int64)


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
