"""Plans of a net, built and run: on the emulated board, or as a library on the host.

The functions run in worker processes: arguments and results are plain data.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.memory_nets.kinds import KINDS, PATCHES
from benchmarks.memory_nets.smallest_patches import smallest_patches
from edgewright.converter.program import Program
from edgewright.errors import EdgewrightError
from edgewright.runtime.build_folder import open_build
from edgewright.runtime.devices.opening import open_device
from edgewright.runtime.inputs import Case, random_cases
from edgewright.runtime.measure import bench
from edgewright.runtime.verify import differing_elements, verify
from edgewright.targets.board import Board, load_board
from edgewright.targets.build import build, load_program_of
from edgewright.targets.cpu import SCALAR
from edgewright.targets.planning import Planned, Planning, planning_for, planning_for_board
from tests.targets.codegen.host_library import PAINT, run_planned

Result = dict[str, Any]
# The first random cases are the smallest and the largest values.
CONSTANT_CASES = 2


def run_on_board(
    model: Path, board_id: str, arenas: Mapping[str, int], inputs: int, folder: Path
) -> dict[str, Result]:
    """Build the plans of a net for a board, run each there, compare with the reference, and measure it.

    Args:
        model: An int8 model file.
        board_id: Of an emulated board.
        arenas: From `arenas_to_run`.
        inputs: Random inputs for each plan.
        folder: For the build folders.

    Returns:
        By kind: the plan's figures, `asked_bytes`, `cases` and `equal` ones of them, `estimated_cycles`,
        and the memory that was planned and used; or `error`.
    """
    board, program = load_board(board_id), load_program_of(model)
    planning, cases = planning_for_board(program, board), _cases(program, inputs)
    return _each(arenas, planning, lambda key, planned: run_plan(planned, board, cases, folder / key))


def run_on_host(model: Path, arenas: Mapping[str, int], folder: Path) -> dict[str, Result]:
    """Compile plans of a net for the host, and compare each with the reference on one random input.

    Args:
        model: An int8 model file.
        arenas: From `arenas_to_run`.
        folder: For the libraries.

    Returns:
        As `run_on_board`, without what only a board tells.
    """
    program = load_program_of(model)
    planning, (case,) = planning_for(program, SCALAR), _cases(program, 1)
    return _each(arenas, planning, lambda key, planned: _run_library(planned, case, folder / key))


def _cases(program: Program, count: int) -> list[Case]:
    return random_cases(program, CONSTANT_CASES + count)[CONSTANT_CASES:]


def _each(
    arenas: Mapping[str, int], planning: Planning, run: Callable[[str, Planned], Result]
) -> dict[str, Result]:
    """Results of the plans, or the coded error of whichever fails."""
    results: dict[str, Result] = {}
    for key, arena_bytes in arenas.items():
        try:
            planned = _plan(planning, key, arena_bytes)
            if planned is not None:
                results[key] = run(key, planned) | {"asked_bytes": arena_bytes}
        except EdgewrightError as error:
            results[key] = {"error": {"code": error.code, "message": error.message, **error.details}}
    return results


def _plan(planning: Planning, key: str, arena_bytes: int) -> Planned | None:
    if key == PATCHES:
        return smallest_patches(planning, arena_bytes)
    (kind,) = (k for k in KINDS if k.key == key)
    return planning.plan(replace(kind.wish, arena_bytes=arena_bytes))


def run_plan(planned: Planned, board: Board, cases: list[Case], folder: Path) -> Result:
    """Build a plan for an emulated board, run inputs there, and measure one inference."""
    manifest = build(planned, board, folder, source=planned.program.name)
    opened = open_build(folder)
    with open_device(opened, count=True) as device:
        verified = verify(opened, cases, device, program=planned.program)
        used = device.memory()
        latency = bench(opened, device, program=planned.program)
    memory = manifest["memory"]
    return _describe(planned) | {
        "planned_cycles": round(planned.plan.cycles),
        "cases": verified.cases,
        "equal": verified.cases - verified.bad_cases,
        "estimated_cycles": latency.estimated_cycles,
        "instructions": latency.instructions,
        "arena_used_bytes": used.arena_used_bytes,
        "stack_bytes": memory["stack_bytes"],
        "stack_used_bytes": used.run_stack_used_bytes,
        "ram_bytes": memory["ram_bytes"],
        "flash_bytes": memory["flash_bytes"],
    }


def _run_library(planned: Planned, case: Case, folder: Path) -> Result:
    folder.mkdir(parents=True)
    outputs, arena = run_planned(planned, folder, case)
    reference = planned.program.run(case)
    equal = not any(differing_elements(outputs[name], y).any() for name, y in reference.items())
    written = np.nonzero(arena != PAINT[: len(arena)])[0]
    return _describe(planned) | {
        "cases": 1,
        "equal": int(equal),
        "arena_used_bytes": int(written[-1]) + 1,
    }


def _describe(planned: Planned) -> Result:
    """Figures of a plan; `end_bytes` is where its last buffer ends, before alignment."""
    plan = planned.plan
    return {
        "schedule": plan.schedule,
        "input": plan.input_mode,
        "passes": plan.passes,
        "strips": max(s.strips for s in plan.steps),
        "patches": next((list(s.patches) for s in plan.steps if s.patches), None),
        "steps": len(plan.steps),
        "arena_bytes": plan.arena_bytes,
        "end_bytes": max(b.end for b in plan.buffers),
        "mac_overhead": plan.mac_overhead,
    }
