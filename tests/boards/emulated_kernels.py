"""Run a program's kernels on an emulated board, through the real serial path, and compare with golden."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from edgewright.converter.program import Program
from edgewright.runtime.build_folder import open_build
from edgewright.runtime.devices.opening import open_device
from edgewright.runtime.verify import verify
from edgewright.targets.board import Board, load_board
from edgewright.targets.build import build
from edgewright.targets.costs import cost_model
from edgewright.targets.cpu import CpuClass, cpu_class
from edgewright.targets.forms import NodeKernels
from tests.targets.codegen.side_by_side import Inputs, plan_in_order

SOAK = int(os.environ.get("EDGEWRIGHT_SOAK", "1"))
seeds = pytest.mark.parametrize("seed", range(SOAK))


def cpu_of(board: str | Board) -> CpuClass:
    """Class of core that kernels for a board are made for."""
    board = load_board(board) if isinstance(board, str) else board
    return cpu_class(board.features, board.cpu)


def check(
    board: str | Board,
    folder: Path,
    program: Program,
    kernels: Mapping[str, NodeKernels] | None,
    *cases: Inputs,
) -> None:
    """Build a program for an emulated board, run it, and compare outputs and the memory it used.

    Args:
        board: The board, or its name.
        folder: For the build folder.
        program: What to run.
        kernels: The kernel of each node, by its name. None takes those a build would.
        cases: Inputs of one inference each.
    """
    board, cpu = load_board(board) if isinstance(board, str) else board, cpu_of(board)
    planned = plan_in_order(program, cpu, kernels, cost_model(board.cpu) if kernels is None else None)
    build(planned, board, folder / "build", source="ops")
    opened = open_build(folder / "build")
    with open_device(opened) as device:
        result = verify(opened, cases, device, program=program)
        memory = device.memory()
    assert result.ok, result.first_bad
    assert result.cases == len(cases) > 0
    assert result.outputs == len(cases) * sum(program.values[p.value].elements for p in program.outputs)
    assert memory.arena_used_bytes <= memory.arena_bytes
    assert memory.run_stack_used_bytes <= opened.manifest["memory"]["stack_bytes"]
