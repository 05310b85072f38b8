"""The search over segmentations equals the enumeration of all of them."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from edgewright.converter.schedule import Wish, make_planner, plan, trade_off
from edgewright.converter.schedule.candidate import CopyCost
from edgewright.converter.schedule.search import FREE, by_cycles, by_macs, cheapest, front, without_recompute
from edgewright.errors import UsageError, WorkError
from edgewright.targets.cpu import SCALAR
from edgewright.targets.forms import node_kernels, planner_forms
from edgewright.targets.planning import planning_for
from tests.targets.codegen.op_cases import make_mixed_program
from tests.targets.codegen.row_nets import Net

SEEDS = range(8)


@pytest.fixture(scope="module", params=[(seed, mode) for seed in SEEDS for mode in ("resident", "rows")])
def planner(request):
    seed, mode = request.param
    made = planning_for(small_net(seed), SCALAR).planner(mode, Wish(input=mode))
    return replace(made, prices=FREE)


def small_net(seed):
    net = Net(seed)
    v = "x"
    for _ in range(3 + seed % 3):
        v = net.conv(v) if net.chance(0.7) else net.depthwise(v)
    return net.program(v)


def all_paths(edges):
    """(peak, cycles, macs) of every segmentation."""
    n = len(edges)
    found = {n: [(0, 0.0, 0.0)]}
    for at in range(n - 1, -1, -1):
        found[at] = [
            (max(c.peak_bytes, peak), c.cycles + cycles, c.macs + macs)
            for c in edges[at]
            for peak, cycles, macs in found[c.stop]
        ]
        # Enough of them to compare; equal ones say nothing new.
        found[at] = sorted(set(found[at]))
    return found[0]


def test_cheapest_path_within_every_limit(planner):
    paths = all_paths(planner.edges)
    for limit in sorted({p[0] for p in paths}):
        for below in (limit, limit - 1):
            fits = [p for p in paths if p[0] <= below]
            for column, cost in ((1, by_cycles), (2, by_macs)):
                found = cheapest(planner.edges, below, cost)
                if not fits:
                    assert found is None
                    continue
                assert found.peak_bytes <= below
                best = min(p[column] for p in fits)
                assert (found.cycles, found.macs)[column - 1] == pytest.approx(best, rel=1e-6)


def test_front_is_what_no_path_beats(planner):
    paths = all_paths(planner.edges)
    want = {
        (peak, round(cycles))
        for peak, cycles, _ in paths
        if not any(
            p <= peak and round(c) <= round(cycles) and (p, round(c)) != (peak, round(cycles))
            for p, c, _ in paths
        )
    }
    assert {(p.peak_bytes, round(p.cycles)) for p in front(planner.edges)} == want


def test_paths_cover_all_nodes_once(planner):
    for path in planner.paths():
        ends = [0, *(c.stop for c in path.candidates)]
        assert [c.first for c in path.candidates] == ends[:-1]
        assert ends[-1] == planner.network.positions


def test_without_recompute_nothing_is_computed_twice(planner):
    macs = planner.network.program.macs
    for path in front(without_recompute(planner.edges)):
        assert path.macs <= macs * (1 + 1e-9)


def test_trade_off(planner):
    """Plans that no other beats, the smallest first; its ends are those of the fronts."""
    plans = trade_off(planner, time_limit_s=0.5)
    figures = [(p.arena_bytes, round(p.cycles), round(p.mac_overhead, 6)) for p in plans]
    assert figures == sorted(figures)
    for own in figures:
        assert not any(all(a <= b for a, b in zip(f, own, strict=True)) and f != own for f in figures)
    assert all(p.lower_bound_bytes <= p.arena_bytes for p in plans)
    assert min(round(p.cycles) for p in plans) == round(cheapest(planner.edges, 2**62).cycles)
    assert min(p.arena_bytes for p in plans) >= min(p.peak_bytes for p in front(planner.edges))


def test_wishes(planner):
    plans = trade_off(planner, time_limit_s=0.5)
    for wanted in plans:
        found = plan(planner, Wish(arena_bytes=wanted.arena_bytes))
        assert found.arena_bytes <= wanted.arena_bytes
        assert found.cycles <= wanted.cycles * (1 + 1e-9)
    smallest = plan(planner, Wish(slowdown=1000.0))
    assert smallest.arena_bytes <= min(p.arena_bytes for p in plans)
    # Rows that come one by one rule out kernels that take the whole tensor.
    fastest = cheapest(planner.edges, 2**62).cycles
    slow = plan(planner, Wish(slowdown=1.5 * fastest / planner.layer_cycles))
    assert slow.cycles <= 1.5 * fastest * (1 + 1e-9)
    with pytest.raises(WorkError) as caught:
        plan(planner, Wish(arena_bytes=4))
    assert caught.value.code == "EW-PLAN-MEMORY"


def test_steps_follow_the_wish():
    net = Net(5)
    program = net.program(net.conv(net.conv(net.conv("x", same=True), same=True), same=True))
    planning = planning_for(program, SCALAR)
    layers = planning.plan(Wish(schedule="layer", input="resident")).plan
    assert {s.schedule for s in layers.steps} == {"layer"}
    assert [len(s.nodes) for s in layers.steps] == [1] * len(layers.steps)
    assert layers.mac_overhead == 1.0
    patched = planning.planner("resident", Wish(schedule="patch", patches=(2, 2)))
    kinds = {(c.blocks, c.strips) for c in patched.edges[0] if c.blocks}
    assert kinds == {(2, 2)}


def test_rows_of_several_inputs_are_refused():
    program, _ = make_mixed_program(seed=7, count=1)
    with pytest.raises(UsageError) as caught:
        planning_for(program, SCALAR).planner("rows", Wish(input="rows"))
    assert caught.value.code == "EW-PLAN-ROWS"


def test_an_interrupted_enumeration_claims_no_optimum():
    program = small_net(3)
    forms = planner_forms(program, node_kernels(program, SCALAR), lambda node: lambda kernel: 1.0)
    started = time.monotonic()
    made = make_planner(program, forms, CopyCost(0, 1), "resident", time_limit_s=0.0)
    assert time.monotonic() - started < 5
    assert not made.candidates.complete
    assert not plan(made, Wish()).optimal
