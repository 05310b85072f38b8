"""Kernels for cores without DSP instructions equal golden bit for bit where they run as assembler."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest

from edgewright.converter.schedule import Wish
from edgewright.runtime.build_folder import open_build
from edgewright.runtime.devices.opening import open_device
from edgewright.runtime.verify import verify
from edgewright.targets.board import load_board
from edgewright.targets.build import build
from edgewright.targets.cpu import SCALAR
from edgewright.targets.planning import Planning
from tests.targets.codegen.scalar_cases import scalar_program

SOAK = int(os.environ.get("EDGEWRIGHT_SOAK", "1"))


@pytest.mark.parametrize("seed", range(SOAK))
@pytest.mark.parametrize(
    ("board", "core", "count", "most"),
    [
        ("mps2-an385", "cortex-m3", 3, 1000),
        # Armv6-M code with the memory of another board; the Cortex-M0 itself faults on unaligned words.
        ("mps2-an385", "cortex-m0", 3, 1000),
        ("microbit", "cortex-m0", 1, 16),
    ],
)
def test_kernels_equal_golden(board, core, count, most, seed, tmp_path):
    target = replace(load_board(board), cpu=core)
    program, kernels, case = scalar_program(seed, count, most)
    planned = Planning(program, SCALAR, None, kernels).plan(Wish(schedule="layer", input="resident"))
    build(planned, target, tmp_path / "build", source="ops")
    folder = open_build(tmp_path / "build")
    with open_device(folder) as device:
        result = verify(folder, [case], device)
    assert result.ok, result.first_bad
    assert result.outputs == sum(program.values[p.value].elements for p in program.outputs)
