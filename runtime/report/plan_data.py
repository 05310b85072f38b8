"""A plan and its trade-off as the report and `plan --json` hold them: JSON-ready dictionaries."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from edgewright.converter.program import Program
from edgewright.converter.schedule import Plan, Step, peak_text, plan_to_json
from edgewright.converter.schedule.memory_plan import segments_to_json
from edgewright.converter.schedule.streaming_cost import cycles_by_node, streaming_cost
from edgewright.targets.codegen.step_kernels import whole_kernel
from edgewright.targets.exploration import Exploration

Entry = Mapping[str, Any]
# Sums of floats may end beside the number they stand for.
ROUNDING = 1e-9


def exact_overhead(plan: Plan) -> float:
    """Executed multiply-accumulates in those of a layer plan; more than 1.0 wherever any are repeated."""
    overhead = plan.mac_overhead
    if abs(overhead - 1) < ROUNDING:
        return 1.0
    return math.ceil(overhead * 1e6) / 1e6 if overhead > 1 else round(overhead, 6)


def plan_entry(plan: Plan, layers: Plan, *, chosen: bool = False) -> dict[str, Any]:
    """A plan in a list of plans.

    Args:
        plan: The plan.
        layers: The layer plan of the same program.
        chosen: Whether it is the one that a build takes.
    """
    return {
        "ram_bytes": plan.arena_bytes,
        "estimated_cycles": round(plan.cycles),
        "slowdown": round(plan.cycles / layers.cycles, 4) if layers.cycles else 1.0,
        "mac_overhead": exact_overhead(plan),
        "kernel_bytes": plan.kernel_bytes,
        "input": plan.input_mode,
        "schedule": plan.schedule,
        "passes": plan.passes,
        "how": how(plan),
        "searched": plan.searched,
        "optimal": plan.optimal,
        "gap_bytes": plan.gap_bytes,
        "chosen": chosen,
        "segments": [
            {key: value for key, value in segment.items() if key != "in_use"}
            for segment in segments_to_json(plan.steps)
        ],
    }


def how(plan: Plan) -> str:
    """`3 segments, 9 layers; 2 strips`: what is streamed, what runs whole."""
    streamed = [s for s in plan.steps if s.schedule == "stream"]
    patched = [s for s in plan.steps if s.schedule == "patch"]
    whole = len(plan.steps) - len(streamed) - len(patched)
    parts = [_count(len(streamed), "segment")] if streamed else []
    parts += ["{}x{} patches".format(*s.patches) for s in patched if s.patches]
    parts += [_count(whole, "layer")] if whole else []
    strips = max((s.strips for s in streamed), default=1)
    return ", ".join(parts) + (f"; {strips} strips" if strips > 1 else "")


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"


def front_data(exploration: Exploration) -> list[dict[str, Any]]:
    """All plans, smallest first."""
    chosen = exploration.chosen.plan if exploration.chosen is not None else None
    return [plan_entry(p, exploration.layers, chosen=p is chosen) for p in exploration.plans]


def chosen_data(exploration: Exploration) -> dict[str, Any] | None:
    """The chosen plan without its buffers, with the layers of each segment and what streaming costs."""
    if exploration.chosen is None:
        return None
    planned, layers = exploration.chosen, exploration.layers
    plan, cost = planned.plan, streaming_cost(planned.plan, layers)
    data = plan_to_json(plan)
    del data["buffers"]
    data |= {k: v for k, v in plan_entry(plan, layers, chosen=True).items() if k != "segments"}
    alone = cycles_by_node(layers)
    for segment, step in zip(data["segments"], plan.steps, strict=True):
        segment["layer_cycles"] = round(sum(alone[n.name] for n in step.nodes))
        segment["layers"] = [_layer(planned.program, step, index) for index in range(len(step.nodes))]
        kernel = whole_kernel(step, planned.kernels) if step.streamed is None else None
        segment["kernel"], segment["why"] = (
            (kernel.variant, kernel.reason) if kernel is not None else ("", "")
        )
    data["peak"] = peak_text(plan)
    data["limit_bytes"] = exploration.limit_bytes
    data["streaming_cost"] = {
        "total_cycles": round(cost.total),
        "copied_cycles": round(cost.copied),
        "pushed_cycles": round(cost.pushed),
        "recomputed_cycles": round(cost.recomputed),
        "reread_cycles": round(cost.reread),
    }
    return data


def report_plan(exploration: Exploration) -> dict[str, Any] | None:
    """The chosen plan and what is worth knowing of the others: what report.json holds."""
    data = chosen_data(exploration)
    if data is None:
        return None
    entries = front_data(exploration)
    return data | {"front": [{k: v for k, v in e.items() if k != "segments"} for e in entries]}


def _layer(program: Program, step: Step, index: int) -> dict[str, Any]:
    node = step.nodes[index]
    ring = step.rings.get(node.output)
    return {
        "name": node.name,
        "kind": node.op.kind,
        "output_shape": list(program.values[node.output].shape),
        "ring_rows": ring.slots if ring is not None else None,
        # Strips differ in width; the widest counts.
        "row_bytes": max((rows.get(node.output, 0) for rows in step.row_bytes), default=0) or None,
        "newest": ring is not None and len(ring.waits) > 0,
    }
