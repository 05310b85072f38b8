"""The trade-off between memory, cycles and recompute: plans of which none is better than another."""

from __future__ import annotations

import time
from collections.abc import Sequence

from edgewright.converter.schedule.memory_plan import Plan
from edgewright.converter.schedule.planner import Planner, Tell
from edgewright.converter.schedule.search import Path

# Paths that are placed for the trade-off, besides its ends.
MAX_POINTS = 12
# Seconds of the solver for each of the ends.
END_SOLVER_S = 4.0


def trade_off(planner: Planner, *, time_limit_s: float = 6.0, tell: Tell | None = None) -> list[Plan]:
    """Plans of which none is better in memory, cycles and recompute than another, the smallest first.

    The fastest, the smallest, the smallest without recompute and the smallest that computes at most a
    tenth twice are always among them, and placed with the same care whatever the time limit.
    """
    paths = planner.paths()
    ends = _ends(paths, planner.network.program.macs)
    spread = max(1, -(-len(paths) // MAX_POINTS))
    others = [p for p in paths[::spread] if p not in ends]
    deadline = time.monotonic() + time_limit_s
    plans = []
    for done, path in enumerate((*ends, *others)):
        if tell is not None:
            tell("place", done, len(ends) + len(others))
        left = deadline - time.monotonic()
        made = planner.place(path, END_SOLVER_S if path in ends else max(0.05, left / 8))
        plans.append(made)
        if path in ends and made.arena_bytes > path.peak_bytes:
            mended = planner.repaired(path, planner.edges, path.peak_bytes)
            plans += [planner.place(mended)] if mended is not None else []
    return undominated(plans)


def _ends(paths: Sequence[Path], macs: int) -> list[Path]:
    """The paths that a trade-off always has."""
    found = [paths[0], min(paths, key=lambda p: p.peak_bytes)] if paths else []
    for limit in (1.0, 1.1):
        within = [p for p in paths if p.macs <= limit * macs * (1 + 1e-9)]
        found += [min(within, key=lambda p: (p.peak_bytes, p.cycles))] if within else []
    return list({id(p): p for p in found}.values())


def undominated(plans: Sequence[Plan]) -> list[Plan]:
    """Plans sorted by memory, without those that another one beats in memory, cycles and recompute."""

    def beats(a: Plan, b: Plan) -> bool:
        ours = (a.arena_bytes, round(a.cycles), round(a.mac_overhead, 6))
        theirs = (b.arena_bytes, round(b.cycles), round(b.mac_overhead, 6))
        return all(x <= y for x, y in zip(ours, theirs, strict=True)) and ours != theirs

    kept: dict[tuple[int, int, float], Plan] = {}
    for p in plans:
        if not any(beats(other, p) for other in plans):
            kept.setdefault((p.arena_bytes, round(p.cycles), round(p.mac_overhead, 6)), p)
    return sorted(kept.values(), key=lambda p: (p.arena_bytes, p.cycles))
