"""Plans of the nets as figures: each with its value, its limit, and whether it is kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

from benchmarks.memory_nets.nets import PLANNING_S, Limits, Net
from benchmarks.results import Figure, whole

Plan = Mapping[str, Any]
# Largest multiply-accumulates of the plans that compute some of them twice, in those of the network.
RECOMPUTE = 1.1
# Plans that compute nothing twice say 1.0; sums of floats may end beside it.
NO_RECOMPUTE = 1.0 + 1e-9


@dataclass(frozen=True)
class Smallest:
    """A row of the table: the smallest arena of some of the plans.

    Args:
        row: Its title.
        belongs: Which plans count.
        limit: What was promised, from a net's limits.
    """

    row: str
    belongs: Callable[[Plan], bool]
    limit: Callable[[Limits], int | None]


def _layer(plan: Plan) -> bool:
    return plan["input"] == "resident" and plan["schedule"] == "layer"


def _resident(plan: Plan) -> bool:
    return plan["input"] == "resident" and plan["mac_overhead"] <= NO_RECOMPUTE


def _rows(plan: Plan) -> bool:
    return plan["input"] == "rows" and plan["mac_overhead"] <= NO_RECOMPUTE


def _rows_recompute(plan: Plan) -> bool:
    return plan["input"] == "rows" and plan["mac_overhead"] <= RECOMPUTE


ARENAS = (
    Smallest("arena layer by layer, bytes", _layer, lambda limits: None),
    Smallest("arena, input resident, bytes", _resident, lambda limits: limits.resident_bytes),
    Smallest("arena, input by rows, bytes", _rows, lambda limits: limits.rows_bytes),
    Smallest(
        f"arena, by rows, MACs <= {RECOMPUTE}x, bytes",
        _rows_recompute,
        lambda limits: limits.rows_recompute_bytes,
    ),
)
CYCLES = "cycles, resident / layer by layer"
PLANNING = "planning, s wall"
SHOW = {arena.row: whole for arena in ARENAS}


def figures_of(net: Net, result: Mapping[str, Any]) -> list[Figure]:
    """All figures of one net, in the order of the table.

    Args:
        net: The net.
        result: From `plan_front`.
    """
    plans = result.get("plans", ())
    found = [_arena(net, arena, plans) for arena in ARENAS]
    found += [_cycles(net, plans), _planning(net, result)]
    return found


def _arena(net: Net, arena: Smallest, plans: Sequence[Plan]) -> Figure:
    limit = arena.limit(net.limits)
    sizes = [p["ram_bytes"] for p in plans if arena.belongs(p)]
    if not sizes:
        return Figure(arena.row, net.key, "-", None, limit, ok=limit is None)
    value = min(sizes)
    return Figure(arena.row, net.key, whole(value), value, limit, ok=limit is None or value <= limit)


def _cycles(net: Net, plans: Sequence[Plan]) -> Figure:
    """Estimated cycles of the smallest resident plan without recompute, in those of the layer plan."""
    limit = net.limits.cycles_ratio
    layers, residents = [p for p in plans if _layer(p)], [p for p in plans if _resident(p)]
    if not layers or not residents:
        return Figure(CYCLES, net.key, "-", None, limit, ok=limit is None)
    smallest = min(residents, key=itemgetter("ram_bytes", "estimated_cycles"))
    ratio = smallest["estimated_cycles"] / min(p["estimated_cycles"] for p in layers)
    return Figure(CYCLES, net.key, f"{ratio:.3f}", ratio, limit, ok=limit is None or ratio <= limit)


def _planning(net: Net, result: Mapping[str, Any]) -> Figure:
    if "error" in result:
        return Figure(PLANNING, net.key, result["error"]["code"], None, PLANNING_S, ok=False)
    seconds = result["seconds"]
    return Figure(PLANNING, net.key, f"{seconds:.1f}", seconds, PLANNING_S, ok=seconds < PLANNING_S)
