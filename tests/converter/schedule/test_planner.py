"""Layer schedules on graphs small enough to know the answer by hand, or by brute force."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from edgewright.converter.schedule import Wish, plan, plan_to_json
from edgewright.errors import UsageError, WorkError
from tests.converter.schedule.programs import (
    Builder,
    Elementwise,
    Reshape,
    layer_plan,
    planner_of,
    random_program,
    smallest_arena,
)


def chain(*sizes):
    b = Builder()
    last = b.input("x", sizes[0])
    for i, size in enumerate(sizes[1:], 1):
        last = b.op(f"v{i}", [last], size)
    return b.program(last)


def buffer(result, name):
    return next(b for b in result.buffers if b.name == name)


def order(result):
    return [n.output for s in result.steps for n in s.nodes]


def test_chain_needs_its_largest_pair():
    result = layer_plan(chain(100, 400, 300, 40, 10))
    assert result.arena_bytes == result.lower_bound_bytes == 700
    assert result.optimal and result.gap_bytes == 0
    assert result.peak_step == 1
    assert result.steps[1].in_use == (("v1", 400), ("v2", 300))


def test_chain_does_not_import_the_solver():
    code = (
        "import sys\n"
        "from tests.converter.schedule.test_planner import chain, layer_plan\n"
        "assert layer_plan(chain(100, 400, 300, 40, 10)).optimal\n"
        "sys.exit('ortools' in sys.modules)\n"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0


def elementwise(*readers, outputs=("y",), size=100, result=100):
    """x -> a -> relu (element by element) -> y, and who else reads what."""
    b = Builder()
    b.input("x", 8)
    b.op("a", ["x"], size)
    if "flat" in readers:
        b.op("flat", ["a"], size, Reshape)
    b.op("relu", ["a"], result, Elementwise)
    b.op("y", ["relu", *readers], 8)
    return layer_plan(b.program(*outputs))


def test_elementwise_takes_over_the_storage_of_its_input():
    result = elementwise()
    assert result.arena_bytes == 108
    assert result.offsets["relu"] == result.offsets["a"]


@pytest.mark.parametrize(
    "apart",
    [
        pytest.param({"readers": ["a"]}, id="the input is needed later"),
        pytest.param({"readers": ["flat"]}, id="a reshape of the input is needed later"),
        pytest.param({"outputs": ("a", "y")}, id="the input is an output"),
        # The same 52 bytes once aligned.
        pytest.param({"size": 50, "result": 52}, id="the sizes differ"),
    ],
)
def test_not_in_place_where(apart):
    result = elementwise(*apart.pop("readers", ()), **apart)
    a, relu = buffer(result, "a"), buffer(result, "relu")
    assert a.end <= relu.offset or relu.end <= a.offset


def test_not_in_place_where_the_input_is_a_constant():
    b = Builder()
    b.input("x", 100)
    b.constant("weights", 100)
    b.op("y", ["weights", "x"], 100, Elementwise)
    result = layer_plan(b.program("y"))
    assert "weights" not in result.offsets
    assert result.arena_bytes == 200


def test_not_in_place_where_the_same_bytes_are_read_under_another_shape():
    b = Builder()
    b.input("x", 8)
    b.op("a", ["x"], 100)
    b.op("flat", ["a"], 100, Reshape)
    b.op("sum", ["a", "flat"], 100, Elementwise)
    assert layer_plan(b.program("sum")).arena_bytes == 200


def test_the_last_of_two_readers_works_in_place():
    b = Builder()
    b.input("x", 100)
    b.op("relu", ["x"], 100, Elementwise)
    b.op("side", ["x"], 4)
    b.op("y", ["relu", "side"], 4)
    result = layer_plan(b.program("y"))
    # `side` has to run first: then x dies at `relu`.
    assert order(result) == ["side", "relu", "y"]
    assert result.arena_bytes == 108


def test_output_lies_its_lead_below_the_input():
    result = layer_plan(chain(8, 400, 400, 8), leads={"v2_op": [64]})
    assert result.arena_bytes == result.lower_bound_bytes == 464
    assert result.offsets["v1"] - result.offsets["v2"] >= 64


@pytest.mark.parametrize("leads", [{}, {"v2_op": [None]}])
def test_without_leads_nothing_overlaps(leads):
    assert layer_plan(chain(8, 400, 400, 8), leads=leads).arena_bytes == 800


@pytest.mark.parametrize(
    ("inputs", "readers", "outputs"),
    [(["a"], ["a", "b"], ("y",)), (["a"], ["b"], ("a", "y")), (["a", "a"], ["b"], ("y",))],
)
def test_an_input_that_is_needed_otherwise_is_not_overtaken(inputs, readers, outputs):
    b = Builder()
    b.input("x", 8)
    b.op("a", ["x"], 400)
    b.op("b", inputs, 400)
    b.op("y", readers, 8)
    assert layer_plan(b.program(*outputs), leads={"b_op": [0] * len(inputs)}).arena_bytes >= 800


def test_scratch_overlaps_neither():
    result = layer_plan(chain(8, 400, 400, 8), {"v2_op": 100}, leads={"v2_op": [64]})
    assert result.arena_bytes == 564


def test_reshape_shares_the_storage_and_keeps_it_alive():
    b = Builder()
    b.input("x", 60)
    b.op("flat", ["x"], 60, Reshape)
    b.op("a", ["x"], 20)
    b.op("y", ["flat", "a"], 40)
    result = layer_plan(b.program("y"))
    assert result.offsets["flat"] == result.offsets["x"]
    assert result.arena_bytes == 120


def test_concat_holds_all_branches_at_once():
    b = Builder()
    b.input("x", 10)
    branches = [b.op(f"branch{i}", ["x"], 40) for i in range(3)]
    b.op("concat", branches, 120)
    result = layer_plan(b.program("concat"))
    assert result.arena_bytes == 240
    assert result.steps[result.peak_step].in_use[0] == ("concat", 120)


def test_branches_run_one_after_the_other_where_that_needs_less():
    b = Builder()
    b.input("x", 4)
    wide = [b.op(f"wide{i}", ["x"], 1000) for i in range(4)]  # in source order all four are alive
    narrow = [b.op(f"narrow{i}", [w], 20) for i, w in enumerate(wide)]
    b.op("y", narrow, 4)
    result = layer_plan(b.program("y"))
    assert result.arena_bytes == 4 + 1000 + 20 + 3 * 20 - 4  # x is gone when the last branch narrows
    assert result.optimal


def test_source_order_is_kept_where_it_is_as_good():
    b = Builder()
    b.input("x", 100)
    b.op("b", ["x"], 20)
    b.op("a", ["x"], 20)
    b.op("y", ["a", "b"], 4)
    assert order(layer_plan(b.program("y"))) == ["b", "a", "y"]


def test_scratch_lives_during_its_step():
    result = layer_plan(chain(40, 40, 40, 40), {"v2_op": 33})
    scratch = buffer(result, "v2_op:scratch")
    assert (scratch.kind, scratch.value, scratch.first_step, scratch.last_step) == ("scratch", None, 1, 1)
    assert result.arena_bytes == 80 + 36


def test_all_inputs_are_there_from_the_start_and_outputs_to_the_end():
    b = Builder()
    b.input("early", 20)
    b.input("late", 40)
    b.input("unused", 60)
    b.op("first", ["early"], 8)
    b.op("second", ["first", "late"], 12)
    b.op("third", ["second"], 4)
    result = layer_plan(b.program("first", "third"))
    assert [buffer(result, n).first_step for n in ("early", "late", "unused")] == [0, 0, 0]
    assert [buffer(result, n).last_step for n in ("first", "third")] == [2, 2]
    assert result.arena_bytes == 20 + 40 + 60 + 8


@pytest.mark.parametrize("alignment", [4, 8, 16])
def test_alignment(alignment):
    result = layer_plan(chain(5, 7, 9, 3), {"v1_op": 1}, alignment=alignment)
    assert all(b.offset % alignment == 0 for b in result.buffers)
    assert result.arena_bytes % alignment == 0


@pytest.mark.parametrize("alignment", [0, 3, -4])
def test_alignment_must_be_a_power_of_two(alignment):
    with pytest.raises(UsageError, match=f"{alignment} is not a power of two") as caught:
        layer_plan(chain(5, 7), alignment=alignment)
    assert caught.value.code == "EW-PLAN-ALIGNMENT"


@pytest.mark.parametrize("seed", range(60))
def test_equal_to_brute_force(seed):
    program, scratch = random_program(seed, 1 + seed % 4)
    if all(n.op.kind == "reshape" for n in program.nodes):
        pytest.skip("nothing runs")
    result = layer_plan(program, scratch)
    assert result.arena_bytes == smallest_arena(program, scratch)
    assert result.optimal


@pytest.mark.parametrize("seed", range(20))
def test_leads_never_need_more_memory(seed):
    program, scratch = random_program(seed, nodes=7)
    leads = {n.name: [8 * (seed % 3)] * len(n.inputs) for n in program.nodes}
    without, with_leads = layer_plan(program, scratch), layer_plan(program, scratch, leads)
    assert with_leads.lower_bound_bytes <= with_leads.arena_bytes <= without.arena_bytes
    assert plan_to_json(with_leads) == plan_to_json(layer_plan(program, scratch, leads))


def test_json_holds_what_the_plan_says():
    result = layer_plan(chain(100, 400, 300, 40, 10), {"v2_op": 50})
    data = json.loads(json.dumps(plan_to_json(result)))
    assert [s["nodes"] for s in data["segments"]] == [[f"v{i}_op"] for i in range(1, 5)]
    assert data["arena_bytes"] == data["ram_bytes"] == result.arena_bytes == 752
    assert {b["name"]: b["offset"] for b in data["buffers"] if b["value"]} == result.offsets
    assert (data["input"], data["passes"], data["schedule"]) == ("resident", 1, "layer")


def test_a_plan_that_cannot_be_is_refused():
    with pytest.raises(WorkError) as caught:
        plan(planner_of(chain(100, 400, 300, 40, 10)), Wish(schedule="layer", arena_bytes=696))
    assert caught.value.code == "EW-PLAN-MEMORY"
    assert plan(planner_of(chain(100, 400, 300)), Wish(schedule="layer", arena_bytes=700)).arena_bytes == 700
