"""Tuning on an emulated board: complete, resumable, bounded by the memory there is."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from edgewright.errors import UsageError
from edgewright.runtime.tune import TuneJob, tune
from edgewright.targets.board import load_board
from edgewright.targets.build import Budget, load_program_of
from edgewright.targets.planning import planning_for_board
from edgewright.targets.tuning import load_tuning, save_tuning
from tests.runtime.bare_metal import needs

MODEL = Path(__file__).parents[2] / "examples" / "digits" / "digits_int8.onnx"
BOARD = load_board("mps2-an386")


@pytest.fixture(scope="module")
def program():
    return load_program_of(MODEL)


@pytest.fixture(scope="module")
def tuned(program, tmp_path_factory):
    needs("qemu-system-arm", "arm-none-eabi-gcc", "cc")
    told = []
    job = TuneJob(program, MODEL.name, BOARD, tmp_path_factory.mktemp("tune") / "digits.json")
    return job, tune(job, lambda what, done, total: told.append((done, total))), told


def every_kernel(program):
    planning = planning_for_board(program, BOARD)
    return {name: {k.variant for k in own.layer} for name, own in planning.kernels.items()}


def test_every_kernel_of_every_layer_is_measured(program, tuned):
    job, found, told = tuned
    wanted = every_kernel(program)
    assert {name: set(own) for name, own in found.tuning.costs.items()} == wanted
    assert found.measured == sum(map(len, wanted.values())) and not found.known and not found.skipped
    assert all(cost > 0 for own in found.tuning.costs.values() for cost in own.values())
    assert load_tuning(job.out) == found.tuning
    assert told and told[0] == (0, found.measured)


def test_goes_on_where_it_ended(program, tuned, tmp_path):
    job, found, _ = tuned
    name = next(iter(found.tuning.costs))
    less = {n: own for n, own in found.tuning.costs.items() if n != name}
    path = tmp_path / "part.json"
    save_tuning(replace(found.tuning, costs=less), path)
    again = tune(replace(job, out=path))
    assert again.known == found.measured - len(found.tuning.costs[name])
    assert again.measured == len(found.tuning.costs[name])
    # Counts of an emulator repeat exactly.
    assert again.tuning.costs == found.tuning.costs
    assert tune(replace(job, out=path)).measured == 0


def test_file_of_something_else_is_left_alone(tuned, tmp_path):
    job, found, _ = tuned
    path = tmp_path / "other.json"
    for change, code in (
        ({"model_sha256": "0" * 64}, "EW-TUNE-MODEL"),
        ({"core": "cortex-m7"}, "EW-TUNE-CORE"),
        ({"source": "device"}, "EW-TUNE-SOURCE"),
    ):
        save_tuning(replace(found.tuning, **change), path)
        before = path.read_text()
        with pytest.raises(UsageError) as caught:
            tune(replace(job, out=path))
        assert caught.value.code == code and caught.value.hint
        assert path.read_text() == before
    path.write_text("{}")
    with pytest.raises(UsageError) as caught:
        tune(replace(job, out=path))
    assert caught.value.code == "EW-TUNE-FILE"


def test_kernels_that_do_not_fit_are_named(program, tuned, tmp_path):
    job, found, _ = tuned
    small = replace(job, out=tmp_path / "small.json", budget=Budget(ram_bytes=5 << 10))
    result = tune(small)
    left_out = {(s.node, s.variant) for s in result.skipped}
    measured = {(n, v) for n, own in result.tuning.costs.items() for v in own}
    assert left_out | measured == {(n, v) for n, own in every_kernel(program).items() for v in own}
    assert not left_out & measured
    for node, variant in measured:
        # Another place in memory changes a cycle here and there.
        want = pytest.approx(found.tuning.costs[node][variant], rel=0.01)
        assert result.tuning.costs[node][variant] == want
    assert json.loads(small.out.read_text())["source"] == "emulator"
