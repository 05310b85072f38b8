"""Wide tiles on emulated DSP cores equal golden bit for bit."""

from __future__ import annotations

import os

import pytest

from edgewright.converter.schedule import Wish
from edgewright.runtime.build_folder import open_build
from edgewright.runtime.devices.opening import open_device
from edgewright.runtime.verify import verify
from edgewright.targets.board import load_board
from edgewright.targets.build import build
from edgewright.targets.cpu import cpu_class
from edgewright.targets.planning import Planning
from tests.targets.codegen.wide_cases import wide_program

SOAK = int(os.environ.get("EDGEWRIGHT_SOAK", "1"))


@pytest.mark.parametrize("seed", range(SOAK))
@pytest.mark.parametrize(("board", "count"), [("mps2-an386", 2), ("mps2-an500", 1)])
def test_kernels_equal_golden(board, count, seed, tmp_path):
    target = load_board(board)
    cpu = cpu_class(target.features, target.cpu)
    program, kernels, case = wide_program(seed, count, cpu)
    planned = Planning(program, cpu, None, kernels).plan(Wish(schedule="layer", input="resident"))
    build(planned, target, tmp_path / "build", source="ops")
    folder = open_build(tmp_path / "build")
    with open_device(folder) as device:
        result = verify(folder, [case], device)
    assert result.ok, result.first_bad
    assert result.outputs == sum(program.values[p.value].elements for p in program.outputs)
