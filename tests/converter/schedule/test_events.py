"""The order in which rows are computed: when they are asked for, and only if they are."""

from __future__ import annotations

import pytest

from edgewright.converter.schedule.events import needed_rows, simulate, simulate_blocks
from tests.converter.schedule.row_ops import conv, random_segment, row_op


def rows_needed(ops, wanted):
    """How many rows of each value are asked for, from the last op to the first: rows are made in order."""
    count = {op.output: op.out_rows if op.output in wanted else 0 for op in ops}
    for op in reversed(ops):
        for source, view in zip(op.inputs, op.views, strict=True):
            for row in range(count[op.output]):
                read = view.window_rows(row)
                if source in count and read:
                    count[source] = max(count[source], read.stop)
    return count


@pytest.mark.parametrize("seed", range(100))
def test_rows_are_made_before_they_are_read_and_not_more_than_needed(seed):
    ops, whole, wanted = random_segment(seed)
    simulation = simulate(ops, whole, wanted)
    made = {op.output: 0 for op in ops}
    last = {op.output: [] for op in ops} | {v: [-1] * rows for v, rows in whole.items()}
    for event, index in enumerate(simulation.sequence.tolist()):
        op = ops[index]
        for source, view in zip(op.inputs, op.views, strict=True):
            read = view.window_rows(made[op.output])
            assert source in whole or not read or read.stop <= made[source]
            for row in read:
                last[source][row] = event
        assert simulation.lives[op.output].made[made[op.output]] == event
        made[op.output] += 1
        last[op.output].append(event)
    assert made == rows_needed(ops, wanted)
    for value, events in last.items():
        lives = simulation.lives[value]
        # A row is needed as long as an earlier one is: rows die in order.
        assert lives.last.tolist() == [max(events[: i + 1]) for i in range(len(events))]


def test_a_chain_of_windows():
    ops = [row_op("x", 5, []), conv("a", "x", 5, 3, pad=1, out_rows=5), conv("b", "a", 5, 3, out_rows=3)]
    simulation = simulate(ops, {}, ["b"])
    assert "".join("xab"[i] for i in simulation.sequence) == "xxaxaxabxabab"
    assert simulation.lives["x"].made.tolist() == [0, 1, 3, 5, 8]
    assert simulation.lives["x"].last.tolist() == [4, 6, 9, 11, 11]


def test_rows_below_the_last_window_are_never_computed():
    ops = [conv("a", "x", 10, 1, out_rows=10), conv("b", "a", 10, 2, 3, out_rows=3)]
    simulation = simulate(ops, {"x": 10}, ["b"])
    assert len(simulation.lives["a"].made) == 8
    # Those between the windows are, because a kernel makes one row after the other.
    assert "".join("ab"[i] for i in simulation.sequence) == "aabaaabaaab"


def test_windows_inside_the_padding_ask_for_nothing():
    ops = [row_op("x", 3, []), conv("a", "x", 3, 1, pad=4, out_rows=9)]
    simulation = simulate(ops, {}, ["a"])
    assert "".join("xa"[i] for i in simulation.sequence) == "aaaaxaxaxaaa"


def test_a_residual_waits_for_the_slower_branch():
    ops = [
        row_op("x", 4, []),
        conv("a", "x", 4, 3, pad=1, out_rows=4),
        row_op("y", 4, [("x", 4, 1, 1, 0), ("a", 4, 1, 1, 0)]),
    ]
    simulation = simulate(ops, {}, ["y"])
    assert "".join("xay"[i] for i in simulation.sequence) == "xxayxayxayay"
    assert simulation.lives["x"].last.tolist() == [5, 8, 10, 11]


def test_wanted_values_are_completed_after_the_last():
    ops = [conv("a", "x", 4, 1, out_rows=4), conv("b", "a", 4, 1, 2, out_rows=2)]
    simulation = simulate(ops, {"x": 4}, ["b", "a"])
    assert "".join("ab"[i] for i in simulation.sequence) == "abaaba"


def patchable():
    """Segments with one result and their input in memory."""
    for seed in range(300):
        ops, whole, wanted = random_segment(seed)
        if whole and len(wanted) == 1:
            yield ops, whole


@pytest.mark.parametrize("blocks", [1, 2, 3, 5])
def test_blocks_make_what_they_read(blocks):
    checked = 0
    for ops, whole in patchable():
        if blocks > ops[-1].out_rows:
            continue
        simulation, there, row, before = simulate_blocks(ops, whole, blocks), {}, {}, 0
        for event, index in enumerate(simulation.sequence.tolist()):
            op = ops[index]
            if index < before:
                there = {}  # each block begins anew
            before = index
            if event in simulation.seeks:
                row[op.output] = simulation.seeks[event]
            for source, view in zip(op.inputs, op.views, strict=True):
                read = set(view.window_rows(row[op.output]))
                assert source in whole or read <= there.get(source, set())
            there.setdefault(op.output, set()).add(row[op.output])
            row[op.output] += 1
        assert (simulation.lives[ops[-1].output].made >= 0).all()
        checked += 1
    assert checked > 10


def test_rows_a_block_needs():
    ops = [conv("a", "x", 12, 3, pad=1, out_rows=12), conv("b", "a", 12, 3, 2, pad=1, out_rows=6)]
    assert needed_rows(ops, range(2, 4)) == {"a": range(3, 8), "b": range(2, 4)}
    assert needed_rows(ops, range(0, 1)) == {"a": range(0, 2), "b": range(0, 1)}
