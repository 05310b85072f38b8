"""Kernels for Helium on the emulated Cortex-M55, in every variant offered, equal golden bit for bit."""

from __future__ import annotations

import os

import pytest

from edgewright.converter.schedule import Wish
from edgewright.runtime.build_folder import open_build
from edgewright.runtime.devices.opening import open_device
from edgewright.runtime.verify import verify
from edgewright.targets.board import load_board
from edgewright.targets.build import build
from edgewright.targets.cpu import MVE
from edgewright.targets.planning import Planning
from tests.targets.codegen.mve_cases import KINDS, mve_program

SOAK = int(os.environ.get("EDGEWRIGHT_SOAK", "1"))


@pytest.mark.parametrize("seed", range(SOAK))
@pytest.mark.parametrize("kind", KINDS)
def test_kernels_equal_golden(kind, seed, tmp_path):
    program, kernels, case = mve_program(kind, seed, 8, MVE)
    planned = Planning(program, MVE, None, kernels).plan(Wish(schedule="layer", input="resident"))
    build(planned, load_board("mps3-an547"), tmp_path / "build", source="ops")
    folder = open_build(tmp_path / "build")
    with open_device(folder) as device:
        result = verify(folder, [case], device)
        memory = device.memory()
    assert result.ok, result.first_bad
    assert result.outputs == sum(program.values[p.value].elements for p in program.outputs)
    assert memory.run_stack_used_bytes <= folder.manifest["memory"]["stack_bytes"]
