"""What the plans did when they ran, as figures."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from benchmarks.memory_nets.kinds import KINDS, LAYER, PATCHES, RESIDENT, ROUNDING
from benchmarks.memory_nets.nets import Net
from benchmarks.results import Figure, millions, whole

Run = Mapping[str, Any]
LAYER_CYCLES = "M4 est. cycles, layer by layer, M"
RESIDENT_CYCLES = "M4 est. cycles, input resident, M"
CYCLES = {kind.key: f"M4 est. cycles, {kind.title}" for kind in KINDS if kind is not LAYER}
PATCH_ARENA, PATCH_MACS, PATCH_CYCLES = (
    f"patches instead: {what}" for what in ("arena, bytes", "MACs", "M4 est. cycles")
)
EQUAL, AS_PLANNED, STACK = "equal to the reference", "arena used as planned", "stack within its bound"
WHERE, IMAGE, DEPLOYED = (
    f"deployed: {what}" for what in ("board", "RAM of the image, bytes", "equal to the reference")
)
SHOW: dict[str, Callable[[float], str]] = {
    LAYER_CYCLES: millions,
    RESIDENT_CYCLES: millions,
    PATCH_ARENA: whole,
    IMAGE: whole,
}


def run_figures(net: Net, result: Mapping[str, Any]) -> list[Figure]:
    """Figures of the runs of one net, in the order of the table.

    Args:
        net: The net.
        result: With `runs` by kind (`run_on_board`, `run_on_host`) and, where promised, `deployment`.
    """
    runs: Mapping[str, Run] = result["runs"]
    found = _cycles(net, runs) if net.inputs else []
    if "arena_bytes" in runs.get(PATCHES, {}):
        found += _patches(net, runs)
    found.append(_equal(net, runs))
    found.append(_plans(AS_PLANNED, net, [as_planned(*run) for run in runs.items()]))
    if net.inputs:
        found.append(_plans(STACK, net, [stack_kept(run) for run in runs.values()]))
    return found + (_deployed(net, result["deployment"]) if net.deployment is not None else [])


def _cycles(net: Net, runs: Mapping[str, Run]) -> list[Figure]:
    """Estimated cycles of the layer plan, and how many times as many the others take."""
    layers = runs.get(LAYER.key, {}).get("estimated_cycles")
    first = Figure(LAYER_CYCLES, net.key, millions(layers) if layers else "-", layers, ok=bool(layers))
    own, limit = runs.get(RESIDENT.key, {}).get("estimated_cycles"), net.limits.cycles
    good = bool(own) and (limit is None or own <= limit)
    second = Figure(RESIDENT_CYCLES, net.key, millions(own) if own else "-", own, limit, ok=good)
    return [first, second, *(_ratio(net, runs, key, title) for key, title in CYCLES.items())]


def _ratio(net: Net, runs: Mapping[str, Run], key: str, title: str) -> Figure:
    limit = net.limits.cycles_ratio if key == RESIDENT.key else None
    own, layers = (runs.get(k, {}).get("estimated_cycles") for k in (key, LAYER.key))
    if not own or not layers:
        return Figure(title, net.key, "-", None, limit, ok=limit is None)
    ratio = own / layers
    return Figure(title, net.key, f"{ratio:.3f}x", ratio, limit, ok=limit is None or ratio <= limit)


def _patches(net: Net, runs: Mapping[str, Run]) -> list[Figure]:
    arena, macs = (runs[PATCHES][key] for key in ("arena_bytes", "mac_overhead"))
    return [
        Figure(PATCH_ARENA, net.key, whole(arena), arena),
        Figure(PATCH_MACS, net.key, f"{macs:.3f}x", macs),
        _ratio(net, runs, PATCHES, PATCH_CYCLES),
    ]


def _equal(net: Net, runs: Mapping[str, Run]) -> Figure:
    """Inputs whose outputs equal the reference, over all plans; a plan that fails has none."""
    expected = len(runs) * max(1, net.inputs)
    equal = sum(run.get("equal", 0) for run in runs.values())
    return Figure(EQUAL, net.key, f"{equal}/{expected}", equal, ok=equal == expected > 0)


def as_planned(key: str, run: Run) -> bool:
    """Whether the plan that ran is the one asked for, and used its arena up to the last buffer's end."""
    if "error" in run or run["arena_used_bytes"] != run["end_bytes"]:
        return False
    kind = next((k for k in KINDS if k.key == key), None)
    return kind is None or (
        run["arena_bytes"] <= run["asked_bytes"] and run["mac_overhead"] <= kind.max_overhead + ROUNDING
    )


def stack_kept(run: Run) -> bool:
    """Whether an inference stayed within the bound that was computed for its stack."""
    return "error" not in run and 0 < run["stack_used_bytes"] <= run["stack_bytes"]


def _plans(row: str, net: Net, good: list[bool]) -> Figure:
    return Figure(row, net.key, f"{sum(good)} of {len(good)}", sum(good), ok=all(good) and bool(good))


def _deployed(net: Net, run: Run) -> list[Figure]:
    """RAM of the image that was deployed; missed where anything about it is wrong."""
    assert net.deployment is not None
    limit = 1024 * net.deployment.ram_kb
    where = Figure(WHERE, net.key, net.deployment.board, None)
    if "error" in run:
        return [where, Figure(IMAGE, net.key, run["error"]["code"], None, limit, ok=False)]
    exact = run["equal"] == run["cases"] > 0
    used = run["arena_used_bytes"] == run["end_bytes"] and stack_kept(run)
    good = used and run["ram_bytes"] <= limit
    return [
        where,
        Figure(IMAGE, net.key, whole(run["ram_bytes"]), run["ram_bytes"], limit, ok=good),
        Figure(DEPLOYED, net.key, f"{run['equal']}/{run['cases']}", run["equal"], ok=exact),
    ]
