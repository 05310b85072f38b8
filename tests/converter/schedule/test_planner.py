"""The planner on graphs small enough to know the answer by hand."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from edgewright.converter.schedule import explain_peak, plan, plan_from_json, plan_to_json
from edgewright.errors import UsageError
from tests.converter.schedule.programs import Builder, Elementwise, Reshape


def buffer(result, name):
    return next(b for b in result.buffers if b.name == name)


def chain(*sizes):
    b = Builder()
    last = b.input("x", sizes[0])
    for i, size in enumerate(sizes[1:], 1):
        last = b.op(f"v{i}", [last], size)
    return b.program(last)


def test_chain_needs_its_largest_pair():
    result = plan(chain(100, 400, 300, 40, 10))
    assert result.arena_bytes == result.lower_bound_bytes == 700
    assert result.optimal and result.gap_bytes == 0
    assert result.peak_step == 1
    assert explain_peak(result) == ("v1", "v2")


def test_chain_does_not_import_the_solver():
    code = (
        "import sys\n"
        "from tests.converter.schedule.test_planner import chain, plan\n"
        "assert plan(chain(100, 400, 300, 40, 10)).optimal\n"
        "sys.exit('ortools' in sys.modules)\n"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0


def test_elementwise_takes_over_the_storage_of_its_input():
    b = Builder()
    b.input("x", 8)
    b.op("a", ["x"], 100)
    b.op("relu", ["a"], 100, Elementwise)
    b.op("y", ["relu"], 8)
    result = plan(b.program("y"))
    assert result.arena_bytes == 108
    assert buffer(result, "relu").shares == "a"
    assert buffer(result, "relu").offset == buffer(result, "a").offset


def test_not_in_place_where_the_input_is_needed_later():
    b = Builder()
    b.input("x", 8)
    b.op("a", ["x"], 100)
    b.op("relu", ["a"], 100, Elementwise)
    b.op("y", ["relu", "a"], 8)
    result = plan(b.program("y"))
    assert buffer(result, "relu").shares is None
    assert result.arena_bytes == 208


def test_not_in_place_where_the_input_is_an_output():
    b = Builder()
    b.input("x", 8)
    b.op("a", ["x"], 100)
    b.op("relu", ["a"], 100, Elementwise)
    result = plan(b.program("a", "relu"))
    assert buffer(result, "relu").shares is None
    assert result.arena_bytes == 200


def test_not_in_place_where_a_reshape_of_the_input_is_needed_later():
    b = Builder()
    b.input("x", 8)
    b.op("a", ["x"], 100)
    b.op("flat", ["a"], 100, Reshape)
    b.op("relu", ["a"], 100, Elementwise)
    b.op("y", ["relu", "flat"], 8)
    assert buffer(plan(b.program("y")), "relu").shares is None


def test_not_in_place_where_the_sizes_differ():
    b = Builder()
    b.input("x", 8)
    b.op("a", ["x"], 50)
    b.op("broadcast", ["a"], 52, Elementwise)  # the same 52 bytes once aligned
    assert buffer(plan(b.program("broadcast")), "broadcast").shares is None


def test_not_in_place_where_the_input_is_a_constant():
    b = Builder()
    b.input("x", 100)
    b.constant("weights", 100)
    b.op("y", ["weights", "x"], 100, Elementwise)
    result = plan(b.program("y"))
    assert buffer(result, "y").shares is None
    assert "weights" not in result.offsets


def test_not_in_place_where_the_same_bytes_are_read_under_another_shape():
    b = Builder()
    b.input("x", 8)
    b.op("a", ["x"], 100)
    b.op("flat", ["a"], 100, Reshape)
    b.op("sum", ["a", "flat"], 100, Elementwise)
    assert buffer(plan(b.program("sum")), "sum").shares is None


def test_in_place_where_both_inputs_are_the_same_value():
    b = Builder()
    b.input("x", 100)
    b.op("double", ["x", "x"], 100, Elementwise)
    result = plan(b.program("double"))
    assert buffer(result, "double").shares == "x"
    assert result.arena_bytes == 100


def test_the_last_of_two_readers_works_in_place():
    b = Builder()
    b.input("x", 100)
    b.op("relu", ["x"], 100, Elementwise)
    b.op("side", ["x"], 4)
    b.op("y", ["relu", "side"], 4)
    result = plan(b.program("y"))
    # `side` has to run first: then x dies at `relu`.
    assert [n.output for n in result.order] == ["side", "relu", "y"]
    assert result.arena_bytes == 108


def test_reshape_shares_the_storage_and_keeps_it_alive():
    b = Builder()
    b.input("x", 60)
    b.op("flat", ["x"], 60, Reshape)
    b.op("a", ["x"], 20)
    b.op("y", ["flat", "a"], 40)
    result = plan(b.program("y"))
    assert buffer(result, "flat").offset == buffer(result, "x").offset
    assert buffer(result, "flat").shares == "x"
    assert result.arena_bytes == 120


def test_concat_holds_all_branches_at_once():
    b = Builder()
    b.input("x", 10)
    branches = [b.op(f"branch{i}", ["x"], 40) for i in range(3)]
    b.op("concat", branches, 120)
    result = plan(b.program("concat"))
    assert result.arena_bytes == 240
    assert explain_peak(result)[0] == "concat"


def test_branches_run_one_after_the_other_where_that_needs_less():
    b = Builder()
    b.input("x", 4)
    wide = [b.op(f"wide{i}", ["x"], 1000) for i in range(4)]  # in source order all four are alive
    narrow = [b.op(f"narrow{i}", [w], 20) for i, w in enumerate(wide)]
    b.op("y", narrow, 4)
    result = plan(b.program("y"))
    assert result.arena_bytes == 4 + 1000 + 20 + 3 * 20 - 4  # x is gone when the last branch narrows
    assert result.optimal


def test_source_order_is_kept_where_it_is_as_good():
    b = Builder()
    b.input("x", 100)
    b.op("b", ["x"], 20)
    b.op("a", ["x"], 20)
    b.op("y", ["a", "b"], 4)
    program = b.program("y")
    assert plan(program).order == program.nodes


def test_scratch_lives_during_its_step():
    result = plan(chain(40, 40, 40, 40), {"v2_op": 33})
    scratch = buffer(result, "v2_op:scratch")
    assert (scratch.kind, scratch.value, scratch.size_bytes) == ("scratch", None, 33)
    assert scratch.first_step == scratch.last_step == 1
    assert result.scratch_offset("v2_op") == scratch.offset
    assert result.scratch_offset("v1_op") is None
    assert result.arena_bytes == 80 + 36


def test_all_inputs_are_there_from_the_start_and_outputs_to_the_end():
    b = Builder()
    b.input("early", 20)
    b.input("late", 40)
    b.input("unused", 60)
    b.op("first", ["early"], 8)
    b.op("second", ["first", "late"], 12)
    b.op("third", ["second"], 4)
    result = plan(b.program("first", "third"))
    assert [buffer(result, n).first_step for n in ("early", "late", "unused")] == [0, 0, 0]
    assert [buffer(result, n).last_step for n in ("first", "third")] == [2, 2]
    assert result.arena_bytes == 20 + 40 + 60 + 8


def test_input_that_is_an_output_and_no_operation():
    b = Builder()
    b.input("x", 30)
    result = plan(b.program("x"))
    assert (result.arena_bytes, result.order, result.optimal) == (32, (), True)
    assert explain_peak(result) == ("x",)


@pytest.mark.parametrize("alignment", [4, 8, 16])
def test_alignment(alignment):
    result = plan(chain(5, 7, 9, 3), {"v1_op": 1}, alignment=alignment)
    assert all(b.offset % alignment == 0 for b in result.buffers)
    assert result.arena_bytes % alignment == 0


@pytest.mark.parametrize("alignment", [0, 3, -4])
def test_alignment_must_be_a_power_of_two(alignment):
    with pytest.raises(UsageError, match=f"{alignment} is not a power of two") as caught:
        plan(chain(5, 7), alignment=alignment)
    assert caught.value.code == "EW-PLAN-ALIGNMENT"


@pytest.mark.parametrize("scratch", [{"nobody": 4}, {"v1_op": -1}])
def test_scratch_must_belong_to_a_node(scratch):
    with pytest.raises(UsageError) as caught:
        plan(chain(5, 7), scratch)
    assert caught.value.code == "EW-PLAN-SCRATCH"


def test_plan_survives_json():
    program = chain(100, 400, 300, 40, 10)
    result = plan(program, {"v2_op": 50})
    assert plan_from_json(json.loads(json.dumps(plan_to_json(result))), program) == result


@pytest.mark.parametrize("damage", [{"order": ["nobody"]}, {"schema_version": 99}, {"buffers": [{}]}])
def test_foreign_plan_is_refused(damage):
    program = chain(100, 400)
    data = plan_to_json(plan(program)) | damage
    with pytest.raises(UsageError) as caught:
        plan_from_json(data, program)
    assert caught.value.code == "EW-PLAN-FILE"
