"""Choosing the plan that fits a board, and building it: the linker has the last word on what fits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from edgewright.converter.program import Program
from edgewright.converter.rewrites import Saving
from edgewright.converter.schedule import Wish
from edgewright.converter.schedule.flash_price import FlashLimit
from edgewright.converter.schedule.planner import Tell
from edgewright.errors import WorkError
from edgewright.targets.board import MONITOR_STATIC_BYTES, Board
from edgewright.targets.build import Budget, Progress, build
from edgewright.targets.choose import choose
from edgewright.targets.planning import Planned, Planning, planning_for_board

# Stack that every firmware needs at least; the arena gets the rest of the RAM.
LEAST_STACK_BYTES = 400
# Each round takes away from the arena what was too much.
MAX_ROUNDS = 8


def arena_limit(board: Board, budget: Budget) -> int:
    """Bytes of RAM that are left for the arena, before the stack's bound is known."""
    ram = min(budget.ram_bytes or board.memory.ram.size_bytes, board.memory.ram.size_bytes)
    return max(0, ram - LEAST_STACK_BYTES - MONITOR_STATIC_BYTES)


def _within(planning: Planning, board: Board, wish: Wish, budget: Budget, tell: Tell | None) -> Planned:
    limit = arena_limit(board, budget)
    return choose(planning, wish, min(wish.arena_bytes or limit, limit), tell)


def build_for_board(
    program: Program,
    board: Board,
    out: Path,
    *,
    source: str,
    wish: Wish,
    budget: Budget | None = None,
    progress: Progress | None = None,
    planning: Planning | None = None,
    savings: Sequence[Saving] = (),
) -> tuple[Planned, Mapping[str, Any]]:
    """Plan a program for a board and write its build folder (`build`).

    Where the linked image takes more RAM than there is, a plan with a smaller arena is taken; where it
    takes more flash, one with smaller constants, then one with fewer kernels. `planning` is of the same
    program and board, where there is one; `savings` of its rewrites go into the report.

    Raises:
        WorkError: EW-PLAN-MEMORY, EW-MEM-OVER, EW-FLASH-OVER, EW-TOOLCHAIN-*.
        UsageError: EW-OUT-EXISTS.
        DeviceError: EW-TOOL-MISSING.
    """
    limits, planning = budget or Budget(), planning or planning_for_board(program, board)
    planned = _within(planning, board, wish, limits, progress)

    def make(planned: Planned) -> Mapping[str, Any]:
        return build(planned, board, out, source=source, budget=limits, progress=progress, savings=savings)

    for _ in range(MAX_ROUNDS):
        try:
            return planned, make(planned)
        except WorkError as error:
            other = _less(wish, planned, error)
            if other is None:
                raise
            wish = other
            try:
                planned = _within(planning, board, wish, limits, progress)
            except WorkError as none:
                if none.code != "EW-PLAN-MEMORY":
                    raise
                raise error from none
    return planned, make(planned)


def _less(wish: Wish, planned: Planned, error: WorkError) -> Wish | None:
    """What to wish for instead of a plan whose image is too large; None where nothing is left to try."""
    excess = error.details.get("excess_bytes")
    if error.code == "EW-MEM-OVER" and isinstance(excess, int):
        return replace(wish, arena_bytes=planned.plan.arena_bytes - excess)
    if error.code != "EW-FLASH-OVER":
        return None
    if isinstance(excess, int):
        least = sum(min(k.constant_bytes for k in own.layer) for own in planned.kernels.values())
        limit = planned.plan.kernel_bytes - excess
        if limit >= least and limit != wish.flash.kernel_bytes:
            return replace(wish, flash=FlashLimit(kernel_bytes=limit))
    # Every strip has kernels of its own width; streamed and whole layers have different ones too.
    if wish.recompute and any(step.strips > 1 for step in planned.plan.steps):
        return replace(wish, recompute=False)
    if wish.schedule == "auto" and planned.plan.schedule != "layer":
        return replace(wish, schedule="layer")
    return None
