"""Generated kernels on every emulated CPU class equal golden bit for bit, through the real serial path."""

from __future__ import annotations

import os

import pytest

from edgewright.runtime.build_folder import open_build
from edgewright.runtime.devices.opening import open_device
from edgewright.runtime.verify import verify
from edgewright.targets.board import load_board
from edgewright.targets.build import build
from edgewright.targets.planning import plan_program
from tests.targets.codegen.op_cases import make_mixed_program, make_program

SOAK = int(os.environ.get("EDGEWRIGHT_SOAK", "1"))
BOARDS = ("mps2-an385", "mps2-an386", "mps2-an500", "mps2-an505", "mps3-an547")


@pytest.mark.parametrize("seed", range(SOAK))
@pytest.mark.parametrize("board", BOARDS)
def test_kernels_equal_golden(board, seed, tmp_path):
    check(board, *make_mixed_program(seed=100 + seed, count=12), tmp_path)


@pytest.mark.parametrize("kind", ["conv", "depthwise", "fully_connected", "binary", "convert"])
def test_kernels_on_a_core_without_unaligned_access(kind, tmp_path):
    """The Cortex-M0 faults on unaligned words and has neither long multiplies nor an FPU."""
    check("microbit", *make_program(kind, seed=3, count=4), tmp_path)


def check(board, program, case, tmp_path):
    target = load_board(board)
    build(plan_program(program, target), target, tmp_path / "build", source="ops")
    folder = open_build(tmp_path / "build")
    with open_device(folder) as device:
        result = verify(folder, [case], device)
        memory = device.memory()
    assert result.ok, result.first_bad
    assert result.outputs == sum(program.values[p.value].elements for p in program.outputs)
    assert memory.arena_used_bytes <= memory.arena_bytes
    assert memory.run_stack_used_bytes <= folder.manifest["memory"]["stack_bytes"]
