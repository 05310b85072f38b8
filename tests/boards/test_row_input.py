"""Firmware that takes its input row by row, on emulated boards: equal to the reference, within its memory."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgewright.converter.schedule import Wish
from edgewright.runtime.build_folder import open_build
from edgewright.runtime.devices.opening import open_device
from edgewright.runtime.inputs import random_cases
from edgewright.runtime.measure import bench
from edgewright.runtime.report.build_report import build_report
from edgewright.runtime.verify import OUTPUTS_ONLY, verify
from edgewright.targets.board import load_board
from edgewright.targets.build import load_program_of
from edgewright.targets.fitting import build_for_board
from tests.cli.runner import DIGITS
from tests.shared import SHARED

KEYWORDS = SHARED / "models" / "mlperf_tiny" / "kws_ref_model.tflite"
CASES = 4
# The fastest plan that the board's RAM holds, and a small one.
WISHES = {
    "fast": Wish(schedule="auto", input="rows"),
    "small": Wish(schedule="auto", input="rows", slowdown=3.0),
}


@pytest.fixture(scope="module")
def model() -> Path:
    """Keyword spotting where the development data is here, else the example."""
    return KEYWORDS if KEYWORDS.is_file() else DIGITS


@pytest.mark.parametrize("board_id", ["mps2-an386", "microbit"])
@pytest.mark.parametrize("wish", WISHES)
def test_equal_to_the_reference_within_its_memory(model, board_id, wish, tmp_path):
    board, program = load_board(board_id), load_program_of(model)
    out = tmp_path / "build"
    planned, manifest = build_for_board(program, board, out, source=model.name, wish=WISHES[wish])
    folder = open_build(out)
    assert folder.input_by_rows
    with open_device(folder, count=True) as device:
        shape = device.info().input_rows
        assert (shape.rows, shape.passes) == (
            program.values[program.inputs[0].value].shape[0],
            planned.plan.passes,
        )
        verified = verify(folder, random_cases(program, CASES), device, layers=True, program=program)
        latency = bench(folder, device, program=program)
        used = device.memory()
    assert verified.ok and verified.cases == CASES
    assert (verified.layers_compared, verified.note) == (0, OUTPUTS_ONLY)
    # Painted memory tells: all of the arena was written, nothing behind it.
    assert used.arena_used_bytes == used.arena_bytes == planned.plan.arena_bytes
    assert 0 < used.run_stack_used_bytes <= manifest["memory"]["stack_bytes"]
    assert used.stack_used_bytes <= used.stack_bytes
    assert latency.instructions > program.macs / 4 and latency.estimated_cycles > latency.instructions
    report = build_report(manifest, verified, latency, used)
    assert report["verify"]["ok"] and report["latency"]["latency_us"] > 0
