"""Files of measured costs: what is refused, and what a planner makes of them."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from edgewright.converter.schedule import Wish
from edgewright.errors import UsageError
from edgewright.targets.board import load_board
from edgewright.targets.planning import planning_for_board
from edgewright.targets.tuning import Tuning, load_tuning, save_tuning
from tests.targets.codegen.row_nets import Net

BOARD = load_board("mps2-an386")
LAYERS = Wish(schedule="layer", input="resident", optimize="speed")


def small_net():
    net = Net(1)
    return net.program(net.conv(net.depthwise(net.conv("x"))))


def tuning_of(program, costs):
    return Tuning(program.source_sha256, "model.onnx", BOARD.cpu, BOARD.id, "emulator", "cycles", costs)


def test_what_was_written_is_read(tmp_path):
    program = small_net()
    written = tuning_of(program, {}).with_cost("a", "rows", 12.5).with_cost("a", "wide", 7.0)
    save_tuning(written, tmp_path / "new" / "t.json")
    found = load_tuning(tmp_path / "new" / "t.json")
    assert found == written
    assert found.cost("a", "wide") == 7.0
    assert found.cost("a", "other") is None and found.cost("b", "rows") is None


@pytest.mark.parametrize(
    "change",
    [
        {"schema_version": 2},
        {"source": "guess"},
        {"unit": "seconds"},
        {"model_sha256": 3},
        {"costs": []},
        {"costs": {"a": 1}},
        {"costs": {"a": {"rows": -1}}},
        {"costs": {"a": {"rows": True}}},
        {"costs": {"a": {"rows": "1"}}},
        {"costs": {"a": {"rows": float("nan")}}},
        {"costs": {"a": {"rows": float("inf")}}},
    ],
)
def test_damaged_file(tmp_path, change):
    path = tmp_path / "t.json"
    save_tuning(tuning_of(small_net(), {"a": {"rows": 1.0}}), path)
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(UsageError) as caught:
        load_tuning(path)
    assert caught.value.code == "EW-TUNE-FILE" and caught.value.hint


@pytest.mark.parametrize("text", ["", "{", "[]", "3", "[" * 100_000, "\x00"])
def test_no_tuning_file(tmp_path, text):
    path = tmp_path / "t.json"
    path.write_text(text)
    with pytest.raises(UsageError) as caught:
        load_tuning(path)
    assert caught.value.code == "EW-TUNE-FILE"


def test_missing_file_and_folder(tmp_path):
    for path in (tmp_path / "none.json", tmp_path):
        with pytest.raises(UsageError) as caught:
            load_tuning(path)
        assert caught.value.code == "EW-TUNE-FILE"


def test_other_model_or_core():
    program = small_net()
    other = replace(tuning_of(program, {}), model_sha256="f" * 64)
    with pytest.raises(UsageError) as caught:
        planning_for_board(program, BOARD, other)
    assert caught.value.code == "EW-TUNE-MODEL"
    with pytest.raises(UsageError) as caught:
        planning_for_board(program, load_board("mps2-an500"), tuning_of(program, {}))
    assert caught.value.code == "EW-TUNE-CORE"


def test_measured_costs_are_those_of_the_plan():
    program = small_net()
    planning = planning_for_board(program, BOARD)
    costs = {
        name: {kernel.variant: 1000.0 + i for kernel in own.layer}
        for i, (name, own) in enumerate(planning.kernels.items())
    }
    plan = planning_for_board(program, BOARD, tuning_of(program, costs)).plan(LAYERS).plan
    assert {s.name: s.cycles for s in plan.steps} == pytest.approx(
        {name: next(iter(own.values())) for name, own in costs.items()}
    )


def test_the_cheapest_measured_kernel_is_taken():
    program = small_net()
    planning = planning_for_board(program, BOARD)
    choices = {name: own for name, own in planning.kernels.items() if len(own.layer) > 1}
    for pick in range(2):
        costs = {
            name: {k.variant: 1.0 if i == pick else 10.0 for i, k in enumerate(own.layer)}
            for name, own in choices.items()
        }
        plan = planning_for_board(program, BOARD, tuning_of(program, costs)).plan(LAYERS).plan
        for step in plan.steps:
            if step.name in choices:
                assert step.op is not None and step.op.variant == pick


def test_a_measured_layer_corrects_the_estimates_of_its_other_kernels():
    program = small_net()
    planning = planning_for_board(program, BOARD)
    name, own = next((n, o) for n, o in planning.kernels.items() if o.stream is not None)
    usual = own.layer[0]
    before = planning.planner("resident", LAYERS).network
    cycles = {f.node.name: f for f in before.forms}[name].layer[0]
    doubled = {name: {usual.variant: 2 * cycles.cycles * cycles.out_rows}}
    tuned = planning_for_board(program, BOARD, tuning_of(program, doubled))
    after = {f.node.name: f for f in tuned.planner("resident", LAYERS).network.forms}[name]
    for op, old in zip(after.layer[1:], {f.node.name: f for f in before.forms}[name].layer[1:], strict=True):
        assert op.cycles == pytest.approx(2 * old.cycles)
    assert after.layer[0].cycles == pytest.approx(2 * cycles.cycles)
