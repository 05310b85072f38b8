"""Outputs that overtake their inputs: smaller arenas, and never over what is still needed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from edgewright.converter.schedule import plan
from edgewright.converter.schedule.memory_plan import conflicts
from tests.converter.schedule.programs import Builder, random_program


def chain(*sizes):
    b = Builder()
    last = b.input("x", sizes[0])
    for i, size in enumerate(sizes[1:], 1):
        last = b.op(f"v{i}", [last], size)
    return b.program(last)


def buffer(result, name):
    return next(b for b in result.buffers if b.name == name)


def test_output_lies_its_lead_below_the_input():
    result = plan(chain(8, 400, 400, 8), leads={"v2_op": [64]})
    assert result.arena_bytes == result.lower_bound_bytes == 464
    assert buffer(result, "v1").offset - buffer(result, "v2").offset >= 64
    assert buffer(result, "v2").shares == "v1"
    assert buffer(result, "v2").lead_bytes == 64


def test_without_leads_nothing_overlaps():
    assert plan(chain(8, 400, 400, 8)).arena_bytes == 800
    assert plan(chain(8, 400, 400, 8), leads={"v2_op": [None]}).arena_bytes == 800


def test_an_input_that_is_needed_later_is_not_overwritten():
    b = Builder()
    b.input("x", 8)
    b.op("a", ["x"], 400)
    b.op("b", ["a"], 400)
    b.op("y", ["a", "b"], 8)
    assert plan(b.program("y"), leads={"b_op": [0]}).arena_bytes >= 800


def test_a_graph_output_is_not_overwritten():
    b = Builder()
    b.input("x", 8)
    b.op("a", ["x"], 400)
    b.op("b", ["a"], 400)
    assert plan(b.program("a", "b"), leads={"b_op": [0]}).arena_bytes >= 800


def test_an_input_read_twice_is_not_overwritten():
    b = Builder()
    b.input("x", 8)
    b.op("a", ["x"], 400)
    b.op("b", ["a", "a"], 400)
    b.op("y", ["b"], 8)
    assert plan(b.program("y"), leads={"b_op": [0, 0]}).arena_bytes >= 800


def test_scratch_overlaps_neither():
    result = plan(chain(8, 400, 400, 8), {"v2_op": 100}, leads={"v2_op": [64]})
    assert result.arena_bytes == 564


def test_a_plan_with_too_small_a_distance_is_noticed():
    result = plan(chain(8, 400, 400, 8), leads={"v2_op": [64]})
    closer = [replace(b, lead_bytes=68) if b.name == "v2" else b for b in result.buffers]
    assert not list(conflicts(result))
    assert list(conflicts(replace(result, buffers=tuple(closer))))


@pytest.mark.parametrize("seed", range(60))
def test_random_graphs(seed):
    """Legal, never worse than without, and the stated bound holds."""
    program, scratch = random_program(seed, nodes=7)
    rng = np.random.default_rng(seed)
    leads = {n.name: [int(rng.integers(0, 30)) for _ in n.inputs] for n in program.nodes}
    without, with_leads = plan(program, scratch), plan(program, scratch, leads=leads)
    assert not list(conflicts(with_leads))
    assert with_leads.lower_bound_bytes <= with_leads.arena_bytes <= without.arena_bytes
    assert with_leads == plan(program, scratch, leads=leads)
