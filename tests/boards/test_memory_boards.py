"""Every schedule on emulated boards: equal to the reference, in exactly the arena that was planned.

`make bench` does the same with the smallest plans of all nets; here a few keep regressions out.
"""

from __future__ import annotations

import json

import pytest

from benchmarks.memory_nets.run_results import stack_kept
from benchmarks.memory_nets.running import run_plan
from edgewright.converter.schedule import Wish
from edgewright.runtime.inputs import random_cases
from edgewright.targets.board import load_board
from edgewright.targets.build import load_program_of
from edgewright.targets.planning import Planned, Planning, planning_for_board
from tests.cli.runner import DIGITS, cli_json
from tests.runtime.bare_metal import needs
from tests.shared import shared_path

# (schedule of the plan, input) by what is wished. An input by rows is streamed into the first layer.
WISHES = {
    ("layer", "resident"): Wish("layer", "resident"),
    ("stream", "resident"): Wish("stream", "resident"),
    ("stream", "rows"): Wish("layer", "rows"),
    ("patch", "resident"): Wish("patch", "resident", patches=(2, 2)),
}
VECTOR_BYTES = 16
# The smallest: longest segments, rings that wait.
SMALLEST = {mode: Wish("auto", mode, slowdown=9.0) for mode in ("resident", "rows")}


@pytest.fixture(scope="module", params=["mps2-an386", "mps3-an547", "microbit"])
def planning(request) -> tuple[Planning, str]:
    """The example model planned for a class of core, and the board."""
    needs("qemu-system-arm", "arm-none-eabi-gcc")
    return planning_for_board(load_program_of(DIGITS), load_board(request.param)), request.param


def unwritten_tail(planned: Planned) -> int:
    """Bytes at the arena's end that may be read though nothing was written there.

    On Helium the last taps of a depthwise kernel's strip are loaded as a whole vector, whose rest meets
    weights of zero: that much scratch memory lies behind what it wrote, rounded up to a word.
    """
    last = max(planned.plan.buffers, key=lambda buffer: buffer.end)
    return VECTOR_BYTES + 3 if planned.cpu.name == "mve" and last.kind == "scratch" else 0


def check(planned, board_id, inputs, folder):
    cases = random_cases(planned.program, 2 + inputs)[2:]  # the first two are constant
    run = run_plan(planned, load_board(board_id), cases, folder)
    assert run["cases"] == run["equal"] == inputs
    assert planned.plan.arena_bytes - planned.plan.alignment < run["end_bytes"] <= planned.plan.arena_bytes
    # Painted memory tells: written up to the end of the last buffer, nothing behind it.
    unwritten = run["end_bytes"] - run["arena_used_bytes"]
    assert 0 <= unwritten <= unwritten_tail(planned)
    assert stack_kept(run)
    assert run["estimated_cycles"] > planned.program.macs / 4
    return run


@pytest.mark.parametrize(("schedule", "fed"), WISHES)
def test_schedules(planning, schedule, fed, tmp_path):
    prepared, board_id = planning
    planned = prepared.plan(WISHES[schedule, fed])
    assert (planned.plan.schedule, planned.plan.input_mode) == (schedule, fed)
    check(planned, board_id, 2, tmp_path / "build")


@pytest.mark.parametrize("fed", SMALLEST)
def test_smallest_plans(planning, fed, tmp_path):
    prepared, board_id = planning
    planned, layers = prepared.plan(SMALLEST[fed]), prepared.plan(WISHES["layer", "resident"])
    assert planned.plan.input_mode == fed
    assert planned.plan.arena_bytes < 0.8 * layers.plan.arena_bytes
    check(planned, board_id, 2, tmp_path / "build")


def test_keyword_spotting_streamed_in_16_kb(tmp_path):
    """Less than half of what it takes layer by layer."""
    board_id, program = "microbit", load_program_of(shared_path("models/mlperf_tiny/kws_ref_model.tflite"))
    planned = planning_for_board(program, load_board(board_id)).plan(Wish("auto", "rows", arena_bytes=4_200))
    assert planned.plan.schedule == "stream"
    run = check(planned, board_id, 2, tmp_path / "build")
    assert run["ram_bytes"] <= 8_192


def test_visual_wake_words_deployed_in_32_kb(tmp_path):
    """The image takes 27,648 bytes, and layer by layer everything takes 37,248."""
    path, out = shared_path("models/mlperf_tiny/vww_96_int8.tflite"), tmp_path / "build"
    board = ("-b", "netduinoplus2", "--ram", "32K")
    deployed = cli_json("deploy", path, *board, "--cases", 1, "--seed", 1, "-o", out)
    assert deployed.status == 0, deployed.out
    report = deployed.document["report"]
    memory, plan = report["memory"], json.loads((out / "plan.json").read_text())
    assert (plan["input"], plan["schedule"]) == ("resident", "stream")
    assert (report["verify"]["cases"], report["verify"]["mismatches"]) == (1, 0)
    assert memory["ram_bytes"] <= 32_768
    assert memory["arena_used_bytes"] == max(b["offset"] + b["size_bytes"] for b in plan["buffers"])
    assert 0 < memory["run_stack_used_bytes"] <= memory["stack_bytes"]
