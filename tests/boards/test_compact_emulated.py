"""Compact kernels on emulated cores equal golden bit for bit."""

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
from tests.targets.codegen.compact_cases import compact_program

SOAK = int(os.environ.get("EDGEWRIGHT_SOAK", "1"))


@pytest.mark.parametrize("seed", range(SOAK))
def test_kernels_equal_golden(seed, tmp_path):
    target = load_board("mps2-an386")
    cpu = cpu_class(target.features)
    program, kernels, case = compact_program(seed, 15, cpu)
    planned = Planning(program, cpu, None, kernels).plan(Wish(schedule="layer", input="resident"))
    build(planned, target, tmp_path / "build", source="ops")
    folder = open_build(tmp_path / "build")
    with open_device(folder) as device:
        result = verify(folder, [case], device)
    assert result.ok, result.first_bad
    assert result.outputs == sum(program.values[p.value].elements for p in program.outputs)
