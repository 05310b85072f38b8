"""Plans and runs of the nets as figures: each with its value, its limit, and whether it is kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.memory_nets.kinds import KINDS, LAYER, RESIDENT, Kind, Plan
from benchmarks.memory_nets.nets import PLANNING_S, Net
from benchmarks.memory_nets.run_results import SHOW as SHOW_RUNS
from benchmarks.memory_nets.run_results import run_figures
from benchmarks.results import Figure, whole

CYCLES = "planned cycles, resident / layer by layer"
PLANNING = "planning, s wall"


def row_of(kind: Kind) -> str:
    """Title of the row with the smallest arena of a kind of plan."""
    return f"arena, {kind.title}, bytes"


SHOW = {row_of(kind): whole for kind in KINDS} | SHOW_RUNS


def figures_of(net: Net, result: Mapping[str, Any]) -> list[Figure]:
    """All figures of one net, in the order of the table.

    Args:
        net: The net.
        result: From `plan_front`, with `runs` and `deployment` where its plans were run.
    """
    plans = result.get("plans", ())
    found = [_arena(net, kind, plans) for kind in KINDS]
    found += [_cycles(net, plans), _planning(net, result)]
    return found + (run_figures(net, result) if "runs" in result else [])


def _arena(net: Net, kind: Kind, plans: Sequence[Plan]) -> Figure:
    limit, smallest = kind.limit(net.limits), kind.smallest(plans)
    if smallest is None:
        return Figure(row_of(kind), net.key, "-", None, limit, ok=limit is None)
    value = smallest["ram_bytes"]
    return Figure(row_of(kind), net.key, whole(value), value, limit, ok=limit is None or value <= limit)


def _cycles(net: Net, plans: Sequence[Plan]) -> Figure:
    """Cycles that the planner expects of the smallest resident plan, in those of the layer plan."""
    layers, resident = [p for p in plans if LAYER.belongs(p)], RESIDENT.smallest(plans)
    if not layers or resident is None:
        return Figure(CYCLES, net.key, "-", None)
    ratio = resident["estimated_cycles"] / min(p["estimated_cycles"] for p in layers)
    return Figure(CYCLES, net.key, f"{ratio:.3f}", ratio)


def _planning(net: Net, result: Mapping[str, Any]) -> Figure:
    if "error" in result:
        return Figure(PLANNING, net.key, result["error"]["code"], None, PLANNING_S, ok=False)
    seconds = result["seconds"]
    return Figure(PLANNING, net.key, f"{seconds:.1f}", seconds, PLANNING_S, ok=seconds < PLANNING_S)
