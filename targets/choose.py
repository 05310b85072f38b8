"""The plan that a build takes, or the reason why there is none."""

from __future__ import annotations

from dataclasses import replace

from edgewright.converter.schedule import Wish
from edgewright.converter.schedule.planner import Tell
from edgewright.errors import UsageError, WorkError
from edgewright.targets.no_fit import explain_no_fit
from edgewright.targets.planning import Planned, Planning


def choose(planning: Planning, wish: Wish, limit_bytes: int, tell: Tell | None = None) -> Planned:
    """The plan as wished, with an arena that is not larger than the limit.

    Raises:
        WorkError: EW-PLAN-MEMORY with the smallest arena there is.
        UsageError: EW-PLAN-ROWS where the input was wished by rows and cannot come so.
    """
    try:
        planned = planning.plan(replace(wish, arena_bytes=limit_bytes), tell)
    except (WorkError, UsageError) as error:
        if error.code == "EW-PLAN-MEMORY" or (error.code == "EW-PLAN-ROWS" and wish.input != "rows"):
            raise explain_no_fit(planning, wish, limit_bytes) from error
        raise
    if planned.plan.arena_bytes > limit_bytes:
        raise explain_no_fit(planning, wish, limit_bytes)
    return planned
