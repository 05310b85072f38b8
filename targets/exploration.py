"""Everything there is to choose from: plans of a model on a board, the input resident and by rows."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace

from edgewright.converter.program import Program
from edgewright.converter.schedule import Plan, Wish, trade_off
from edgewright.converter.schedule.network import Network
from edgewright.converter.schedule.planner import Tell
from edgewright.converter.schedule.segment import InputMode
from edgewright.converter.schedule.trade_off import undominated
from edgewright.errors import EdgewrightError, UsageError, WorkError
from edgewright.targets.board import Board
from edgewright.targets.build import Budget
from edgewright.targets.choose import choose
from edgewright.targets.fitting import arena_limit
from edgewright.targets.planning import Planned, Planning, planning_for_board
from edgewright.targets.tuning import Tuning

# After so many seconds the plans of the trade-off are placed less carefully.
HURRY_S = 13.0
LEAST_S, MOST_S = 1.0, 7.0
INPUT_MODES: tuple[InputMode, ...] = ("resident", "rows")


@dataclass(frozen=True, eq=False)
class Exploration:
    """The trade-off of a program, and the plan that a wish takes from it.

    Args:
        planning: What was explored.
        wish: With what in mind.
        layers: Input resident, every layer whole: what the others are compared with.
        plans: Smallest arena first; `layers`, the chosen one, and for each input mode the smallest without
            recompute, the smallest of all and the fastest are among them.
        refused: Why an input mode is not possible.
        chosen: None where none fulfils the wish.
        error: Why not, or why the weights do not fit.
        limit_bytes: Largest arena.
    """

    planning: Planning
    wish: Wish
    layers: Plan
    plans: tuple[Plan, ...]
    refused: Mapping[InputMode, UsageError]
    chosen: Planned | None
    error: EdgewrightError | None
    limit_bytes: int

    def network(self, mode: InputMode) -> Network:
        """What the plans of an input mode were planned in."""
        return self.planning.planner(mode, self.wish).network


def explore_for_board(
    program: Program,
    board: Board,
    wish: Wish,
    budget: Budget,
    tell: Tell | None = None,
    tuning: Tuning | None = None,
) -> Exploration:
    """Plan a program in every way a wish allows, for the memory of a board (see `explore`)."""
    planning = planning_for_board(program, board, tuning)
    found = explore(planning, wish, arena_limit(board, budget), tell)
    return replace(found, error=found.error or _flash_error(program, budget))


def weights_bytes(program: Program) -> int:
    """Flash that the weights take."""
    return sum(node.op.weights_bytes for node in program.nodes)


def _flash_error(program: Program, budget: Budget) -> WorkError | None:
    """EW-FLASH-OVER where the weights alone are more than allowed; only a linker knows the whole."""
    weights, limit = weights_bytes(program), budget.flash_bytes
    if limit is None or weights <= limit:
        return None
    return WorkError(
        "EW-FLASH-OVER",
        f"the weights take {weights:,} bytes of flash, without any code; --flash allows {limit:,}",
        "a larger --flash, or a smaller model",
        required_bytes=weights,
        available_bytes=limit,
        excess_bytes=weights - limit,
    )


def explore(
    planning: Planning,
    wish: Wish,
    limit_bytes: int,
    tell: Tell | None = None,
    built: Planned | None = None,
) -> Exploration:
    """Plan a program in every way a wish allows.

    Args:
        planning: Program and core.
        wish: Its schedule limits the trade-off; all of it decides which plan is chosen.
        limit_bytes: Largest arena of the chosen plan.
        tell: Called with (what, done, total).
        built: The chosen plan where it has been built already; None looks for it.
    """
    refused: dict[InputMode, UsageError] = {}
    plans: list[Plan] = []
    deadline = time.monotonic() + HURRY_S
    for left, mode in zip((2, 1), INPUT_MODES, strict=True):
        try:
            planner = planning.planner(mode, wish, tell)
            seconds = min(MOST_S, max(LEAST_S, (deadline - time.monotonic()) / left))
            plans += trade_off(planner, time_limit_s=seconds, tell=tell)
        except UsageError as error:
            if error.code != "EW-PLAN-ROWS":
                raise
            refused[mode] = error
    layers = planning.plan(Wish(schedule="layer", input="resident", optimize=wish.optimize)).plan
    chosen, failure = built, None
    try:
        chosen = built or choose(planning, wish, limit_bytes, tell)
    except (WorkError, UsageError) as error:
        failure = error
    every = _with(plans, layers, chosen)
    return Exploration(planning, wish, layers, every, refused, chosen, failure, limit_bytes)


def _with(plans: list[Plan], layers: Plan, chosen: Planned | None) -> tuple[Plan, ...]:
    """The plans with those two; equal ones count once, those that the chosen one beats are left out."""
    if chosen is not None:
        plans = [chosen.plan, *plans]
    best = [p for mode in INPUT_MODES for p in undominated([p for p in plans if p.input_mode == mode])]
    found = {_key(p): p for p in best}
    if chosen is not None:
        found[_key(chosen.plan)] = chosen.plan
    if not any(p.schedule == "layer" and p.input_mode == "resident" for p in found.values()):
        found[_key(layers)] = layers
    return tuple(sorted(found.values(), key=lambda p: (p.arena_bytes, p.cycles)))


def _key(plan: Plan) -> tuple[str, str, int, int, float]:
    return (plan.input_mode, plan.schedule, plan.arena_bytes, round(plan.cycles), round(plan.mac_overhead, 6))
