"""The search for the order of operations equals all orders on small graphs."""

from __future__ import annotations

import pytest

from edgewright.converter.schedule import order
from edgewright.converter.schedule.order import best_order
from edgewright.converter.schedule.storage_graph import build_storage_graph
from tests.converter.schedule.programs import Elementwise, orders, random_program


def peak(program, scratch, order):
    """Largest sum of live bytes over the steps of an order, derived from the program alone."""

    def aligned(size):
        return -(-size // 4) * 4

    owner = {p.value: p.value for p in program.inputs}
    for n in program.nodes:
        reshaped = n.op.kind == "reshape"
        if not reshaped or n.inputs[0] in owner:
            owner[n.output] = owner[n.inputs[0]] if reshaped else n.output
    kept = {owner[p.value] for p in program.outputs if p.value in owner}
    sizes = {v: aligned(program.values[v].size_bytes) for v in set(owner.values())}
    alive = {p.value for p in program.inputs}
    highest = sum(sizes[v] for v in alive)
    for step, i in enumerate(order):
        n = program.nodes[i]
        later = {owner[v] for j in order[step + 1 :] for v in program.nodes[j].inputs if v in owner} | kept
        out = owner.get(n.output)
        during = alive | ({out} if out is not None else set())
        taken = owner.get(n.inputs[0])
        if (
            isinstance(n.op, Elementwise)
            and taken is not None
            and taken not in later
            and program.values[taken].size_bytes == program.values[n.output].size_bytes
            and all(v == n.inputs[0] or owner.get(v) != taken for v in n.inputs)
        ):
            during = during - {taken}
        highest = max(highest, sum(sizes[v] for v in during) + aligned(scratch.get(n.name, 0)))
        alive = {v for v in alive | during if v in later}
    return highest


@pytest.mark.parametrize("seed", range(40))
def test_order_search_equals_all_orders(seed):
    program, scratch = random_program(1000 + seed, 7)
    result = best_order(build_storage_graph(program, scratch, 4))
    peaks = [peak(program, scratch, order) for order in orders(program)]
    assert result.peak_bytes == result.lower_bound_bytes == min(peaks) == peak(program, scratch, result.order)


@pytest.mark.parametrize("seed", range(10))
def test_interrupted_order_search_states_a_true_bound(seed):
    program, scratch = random_program(2000 + seed, 14)
    graph = build_storage_graph(program, scratch, 4)
    best = best_order(graph)
    for states in (0, 1, 5):
        early = best_order(graph, max_states=states)
        assert early.lower_bound_bytes <= best.peak_bytes <= early.peak_bytes


@pytest.mark.parametrize("seed", range(10))
def test_wide_graphs_end_by_steps(seed, monkeypatch):
    """What is found by then is an order of the graph, no worse than the program's own, with a true bound."""
    program, scratch = random_program(3000 + seed, 14)
    graph = build_storage_graph(program, scratch, 4)
    best, own = best_order(graph), peak(program, scratch, range(len(program.nodes)))
    for steps in (0, 20, 200):
        monkeypatch.setattr(order, "MAX_STEPS", steps)
        early = best_order(graph)
        assert early.lower_bound_bytes <= best.peak_bytes <= early.peak_bytes <= own
        assert early.peak_bytes == peak(program, scratch, early.order)
