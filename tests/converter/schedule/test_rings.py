"""Line buffers: every row is where it is read, with as few slots as possible, and no memory uncounted."""

from __future__ import annotations

import pytest

from edgewright.converter.schedule.events import simulate
from edgewright.converter.schedule.rings import choose_rings, copies, most_rows, ring_bands, ring_of
from tests.converter.schedule.row_ops import conv, random_segment, row_op


def replay(simulation, op, ring):
    """Follow a value through its ring; returns the events at which a read finds another row."""
    ops, lives = simulation.ops, simulation.lives[op.output]
    (band, *newest) = ring_bands(simulation, op, ring, op.out_row_bytes)
    made = {o.output: 0 for o in ops}
    slots, waiting, wrong = {}, {}, []
    retires = dict(zip(ring.waits.tolist(), ring.freed.tolist(), strict=True))
    for event, index in enumerate(simulation.sequence.tolist()):
        now = ops[index]
        row = made[now.output]
        for source, view in zip(now.inputs, now.views, strict=True):
            if source != op.output:
                continue
            for r in range(*_taps(view, row)):
                if 0 <= r < view.rows:
                    found = (
                        waiting[r % ring.waiting_slots] if r in waiting.values() else slots[r % ring.slots]
                    )
                    if found != r:
                        wrong.append(event)
        if now.output == op.output:
            if row in retires:
                assert row % ring.waiting_slots not in waiting, "two rows wait in the same slot"
                waiting[row % ring.waiting_slots] = row
            else:
                slots[row % ring.slots] = row
        made[now.output] += 1
        alive = {r for r, (a, z) in enumerate(zip(lives.made, lives.last, strict=True)) if a <= event <= z}
        for r in alive:
            # What is needed lies in memory that is counted as in use.
            if r in waiting.values():
                slot = r % ring.waiting_slots
                assert newest[0].used[event]
                assert newest[0].lower[event] <= slot * op.out_row_bytes
                assert newest[0].upper[event] >= (slot + 1) * op.out_row_bytes
            else:
                assert band.used[event]
                top = band.size_bytes if band.upper is None else band.upper[event]
                assert top >= (r % ring.slots + 1) * op.out_row_bytes
        for r in [r for r in waiting.values() if retires[r] == event]:
            del waiting[r % ring.waiting_slots]
            if lives.last[r] > event:
                slots[r % ring.slots] = r
    return wrong


def _taps(view, row):
    first = row // view.repeat * view.stride - view.pad_top
    return first, first + view.window * view.dilation, view.dilation


def streamed(simulation, wanted):
    return [op for op in simulation.ops if op.output not in wanted]


@pytest.mark.parametrize("seed", range(150))
def test_every_row_is_where_it_is_read(seed):
    ops, whole, wanted = random_segment(seed)
    simulation = simulate(ops, whole, wanted)
    for op in streamed(simulation, wanted):
        most = most_rows(simulation.lives[op.output])
        for slots in (None, *range(1, most)):
            ring = ring_of(simulation, op, slots)
            assert ring.slots == (slots or most)
            assert not replay(simulation, op, ring), (op.output, slots)


@pytest.mark.parametrize("seed", range(60))
def test_no_ring_has_a_slot_too_many(seed):
    ops, whole, wanted = random_segment(seed)
    simulation = simulate(ops, whole, wanted)
    for op in streamed(simulation, wanted):
        lives = simulation.lives[op.output]
        events = range(len(simulation.sequence))
        alive = [((lives.made <= e) & (lives.last >= e)).sum() for e in events]
        assert most_rows(lives) == max(1, *alive)


@pytest.mark.parametrize("seed", range(60))
def test_chosen_rings_need_no_more_than_plain_ones(seed):
    ops, whole, wanted = random_segment(seed)
    simulation = simulate(ops, whole, wanted)
    values = {op.output for op in streamed(simulation, wanted)}
    rings = choose_rings(simulation, values, 0)
    assert set(rings) == values

    def peak(chosen):
        bands = [
            b for op in ops if op.output in values for b in ring_bands(simulation, op, chosen[op.output], 4)
        ]
        return max(sum(b.weight() for b in bands)) if bands else 0

    for op in ops:
        if op.output in values:
            assert not replay(simulation, op, rings[op.output])
    plain = {op.output: ring_of(simulation, op) for op in ops if op.output in values}
    assert peak(rings) <= peak(plain)


def ring(stride, slots, rows=8):
    ops = [row_op("x", rows, []), conv("y", "x", rows, 3, stride, out_rows=(rows - 3) // stride + 1)]
    simulation = simulate(ops, {}, ["y"])
    return simulation, ops[0], ring_of(simulation, ops[0], slots)


def test_a_window_of_three_rows():
    simulation, x, found = ring(1, None)
    assert (found.slots, found.waiting_slots, copies(simulation, x, found)) == (3, 0, 0)
    simulation, x, found = ring(1, 2)
    # Rows from the third on wait until the oldest is read for the last time.
    assert (found.slots, found.waits.tolist(), found.waiting_slots) == (2, [2, 3, 4, 5, 6, 7], 1)
    # The last one is read by the last window only: it is never copied.
    assert copies(simulation, x, found) == 5


def test_stride_two_makes_two_rows_wait():
    simulation, x, found = ring(2, 1, rows=7)
    assert (found.slots, found.waiting_slots) == (1, 2)
    assert not replay(simulation, x, found)
    assert len(found.waits) == 6


def test_a_residual_keeps_rows_for_the_slower_branch():
    ops = [
        row_op("x", 6, []),
        conv("a", "x", 6, 3, pad=1, out_rows=6),
        conv("b", "a", 6, 3, pad=1, out_rows=6),
        row_op("y", 6, [("x", 6, 1, 1, 0), ("b", 6, 1, 1, 0)]),
    ]
    simulation = simulate(ops, {}, ["y"])
    found = {op.output: ring_of(simulation, op) for op in ops[:3]}
    # Two windows of three rows delay the branch by two rows: no more than the first window needs anyhow.
    assert [found[v].slots for v in ("x", "a", "b")] == [3, 3, 1]
    # b is read at once, so its memory is free in between.
    assert not found["b"].used.all()


def test_a_value_whose_rows_nobody_asks_for():
    """A window that lies in the padding alone reads nothing."""
    ops = [row_op("x", 2, []), conv("y", "x", 2, 1, 1, pad=1, out_rows=1)]
    simulation = simulate(ops, {}, ["y"])
    assert ring_of(simulation, ops[0]).slots == 1
    assert not ring_of(simulation, ops[0]).used.any()
