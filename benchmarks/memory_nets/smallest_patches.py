"""The plan to compare streaming with: patch-based inference (MCUNetV2, 2021) in as little memory."""

from __future__ import annotations

from dataclasses import replace

from edgewright.converter.schedule import Wish
from edgewright.targets.planning import Planned, Planning


def smallest_patches(planning: Planning, arena_bytes: int) -> Planned | None:
    """The fastest plan whose first layers run in patches and whose arena is not larger.

    Where there is none: the one with the smallest arena. Layer plans do not count, even if they are
    smaller: the input stays in memory until the last patch is done. None where no layers can run in patches.
    """
    planner = planning.planner("resident", Wish(schedule="patch"))
    first, *others = planner.edges
    patched = tuple(c for c in first if c.blocks)
    planner = replace(planner, candidates=replace(planner.candidates, edges=(patched, *others)))
    plan = planner.fastest_within(arena_bytes) or planner.smallest()
    if plan is None:
        return None
    return replace(planning.plan(Wish("layer", "resident")), plan=plan)
