"""The report of a build as one dictionary: what report.json holds.

Keys other programs rely on (schema version 1): `schema_version`; `model{name,sha256,macs}`; `board`;
`memory{arena_bytes,stack_bytes,static_bytes,code_bytes,weights_bytes}`;
`latency{source,instructions,estimated_cycles,latency_us,runs}`;
`verify{reference,cases,outputs,mismatches,max_abs_diff}`;
`layers[]{name,kind,output_shape,macs,kernel,instructions,estimated_cycles,weights_bytes}`;
`plan{ram_bytes,estimated_cycles,mac_overhead,input,passes,schedule,segments,optimal,gap_bytes}`, and after a
deployment `plan.front[]` with the other plans there are. `layers[].times_bound` is the cost a MAC divided
by `least_cost_per_mac`, what the core needs at least; `code[]{function,bytes}` and `rewrites[]` come from the
build.
What was not measured is null.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from edgewright import __version__
from edgewright.errors import WorkError
from edgewright.runtime.measure import Latency, LayerCost
from edgewright.runtime.replies import MemoryUse
from edgewright.runtime.verify import VerifyResult
from edgewright.targets.board import load_board
from edgewright.targets.bounds import least_cost_per_mac

SCHEMA_VERSION = 1
MODEL_KEYS = ("name", "sha256", "macs", "source")
MEMORY_KEYS = (
    "arena_bytes",
    "stack_bytes",
    "static_bytes",
    "code_bytes",
    "weights_bytes",
    "ram_bytes",
    "flash_bytes",
)
LAYER_KEYS = (
    *("name", "nodes", "kind", "output_shape", "macs", "kernel", "variant", "why"),
    *("weights_bytes", "constant_bytes"),
)

Report = dict[str, Any]


def build_report(
    manifest: Mapping[str, Any],
    verified: VerifyResult | None = None,
    latency: Latency | None = None,
    memory_use: MemoryUse | None = None,
    plan: Mapping[str, Any] | None = None,
) -> Report:
    """Join what building, verifying and measuring found out.

    Args:
        manifest: Of the build (`BuildFolder.manifest`).
        verified: Outcome of a verification.
        latency: Outcome of a measurement.
        memory_use: High-water marks of the device.
        plan: What is known of the plan beyond the manifest (`report_plan`).

    Raises:
        WorkError: EW-BENCH-LAYERS where the measured layers are not the build's.
    """
    layers = list(manifest["layers"])
    costs = latency.layers if latency else ()
    if costs and [c.name for c in costs] != [layer["name"] for layer in layers]:
        raise WorkError(
            "EW-BENCH-LAYERS", f"{len(costs)} layers measured are not the {len(layers)} of the build"
        )
    total = sum(layer_cost(_costs(c)) or 0 for c in costs)
    least = _least_cost(manifest, latency)
    return {
        "schema_version": SCHEMA_VERSION,
        "edgewright_version": __version__,
        "model": {key: manifest["model"].get(key) for key in MODEL_KEYS},
        "board": manifest["board"],
        "plan": dict(plan) if plan is not None else _plan(manifest),
        "memory": _memory(manifest, memory_use),
        "latency": _latency(latency) if latency else None,
        "verify": _verify(verified) if verified else None,
        "layers": [
            _layer(layer, costs[i] if costs else None, total, least) for i, layer in enumerate(layers)
        ],
        "least_cost_per_mac": least,
        "code": list(manifest.get("code", ())),
        "rewrites": list(manifest.get("rewrites", ())),
    }


def _least_cost(manifest: Mapping[str, Any], latency: Latency | None) -> float | None:
    """What a MAC costs at least on the core, in the unit of the layers' costs."""
    if latency is None:
        return None
    core = load_board(str(manifest["board"])).cpu
    counted = latency.source == "emulator" and latency.estimated_cycles is None
    return least_cost_per_mac(core, "instructions" if counted else "cycles")


def layer_cost(layer: Mapping[str, Any]) -> int | None:
    """What a layer of a report is weighed by: measured cycles, else estimated ones, else instructions."""
    for key in ("cycles", "estimated_cycles", "instructions"):
        if layer.get(key) is not None:
            return int(layer[key])
    return None


def cost_unit(report: Mapping[str, Any]) -> str:
    """Name of that unit for a table's head: "cycles", "est. cycles" or "instructions"."""
    latency = report["latency"] or {}
    if latency.get("source") == "device":
        return "cycles"
    return "est. cycles" if latency.get("estimated_cycles") is not None else "instructions"


def _plan(manifest: Mapping[str, Any]) -> Report | None:
    """The plan of a build without its buffers, which plan.json has."""
    plan = manifest.get("plan")
    return {key: value for key, value in plan.items() if key != "buffers"} if plan else None


def _memory(manifest: Mapping[str, Any], use: MemoryUse | None) -> Report:
    board = load_board(str(manifest["board"]))
    memory: Report = {key: manifest["memory"].get(key) for key in MEMORY_KEYS}
    memory["board_ram_bytes"] = board.memory.ram.size_bytes
    memory["board_flash_bytes"] = board.memory.flash.size_bytes
    memory["arena_used_bytes"] = use.arena_used_bytes if use else None
    memory["stack_used_bytes"] = use.stack_used_bytes if use else None
    memory["run_stack_used_bytes"] = use.run_stack_used_bytes if use else None
    return memory


def _latency(latency: Latency) -> Report:
    return {
        "source": latency.source,
        "board": latency.board,
        "runs": latency.runs,
        "instructions": latency.instructions,
        "estimated_cycles": latency.estimated_cycles,
        "cycle_model": latency.cycle_model,
        "cycles": latency.cycles,
        "clock_hz": latency.clock_hz,
        "latency_us": latency.latency_us,
    }


def _verify(result: VerifyResult) -> Report:
    # JSON has no infinity: a NaN where a number belongs is told apart by null.
    diff = result.max_abs_diff if math.isfinite(result.max_abs_diff) else None
    whole = diff is not None and float(diff).is_integer()
    return {
        "reference": result.reference,
        "cases": result.cases,
        "outputs": result.outputs,
        "mismatches": result.mismatches,
        "max_abs_diff": int(diff) if whole and diff is not None else diff,
        "bad_cases": result.bad_cases,
        "layers_compared": result.layers_compared,
        "first_bad": str(result.first_bad) if result.first_bad else None,
        "first_bad_layer": str(result.first_bad_layer) if result.first_bad_layer else None,
        "ok": result.ok,
    }


def _costs(cost: LayerCost | None) -> Report:
    return {
        "instructions": cost.instructions if cost else None,
        "estimated_cycles": cost.estimated_cycles if cost else None,
        "cycles": cost.cycles if cost else None,
    }


def _layer(layer: Mapping[str, Any], cost: LayerCost | None, total: int, least: float | None) -> Report:
    row: Report = {key: layer.get(key) for key in LAYER_KEYS} | _costs(cost)
    spent = layer_cost(row)
    macs = row["macs"]
    row["cost_per_mac"] = round(spent / macs, 4) if spent is not None and macs else None
    per_mac = row["cost_per_mac"]
    row["times_bound"] = round(per_mac / least, 3) if per_mac is not None and least else None
    row["share"] = round(spent / total, 6) if spent is not None and total else None
    return row
