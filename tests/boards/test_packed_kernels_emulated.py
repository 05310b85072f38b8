"""Kernels with packed weights on emulated cores of every class equal golden bit for bit."""

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
from tests.targets.codegen.packed_cases import FORMATS, packed_program

SOAK = int(os.environ.get("EDGEWRIGHT_SOAK", "1"))


@pytest.mark.parametrize("seed", range(SOAK))
@pytest.mark.parametrize(
    ("board", "count", "formats"),
    [
        ("mps2-an386", 1, FORMATS),
        ("mps2-an385", 1, FORMATS),
        ("mps3-an547", 1, FORMATS),
        # The Cortex-M0 faults on unaligned words; its memory holds few layers.
        *(("microbit", 1, (name,)) for name in FORMATS),
    ],
)
def test_kernels_equal_golden(board, count, formats, seed, tmp_path):
    target = load_board(board)
    cpu = cpu_class(target.features)
    program, kernels, case = packed_program(seed, count, cpu, formats)
    planned = Planning(program, cpu, None, kernels).plan(Wish(schedule="layer", input="resident"))
    build(planned, target, tmp_path / "build", source="ops")
    folder = open_build(tmp_path / "build")
    with open_device(folder) as device:
        result = verify(folder, [case], device)
    assert result.ok, result.first_bad
    assert result.outputs == sum(program.values[p.value].elements for p in program.outputs)
