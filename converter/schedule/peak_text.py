"""The largest moment of a plan in words."""

from __future__ import annotations

from edgewright.converter.schedule.memory_plan import Plan
from edgewright.converter.short_names import short_names

MAX_BUFFERS = 4


def peak_text(plan: Plan) -> str:
    """`activation_1/Relu (dw): activation/Relu 8,000 B, activation_1/Relu 8,000 B, scratch 128 B`.

    What runs when the most bytes are in use, and the largest parts of what is in use then.
    """
    step = plan.steps[plan.peak_step]
    short_nodes = short_names(n.name for s in plan.steps for n in s.nodes)
    values = short_names(b.name for b in plan.buffers if b.kind == "tensor")
    running = " … ".join(dict.fromkeys(short_nodes[n.name] for n in (step.nodes[0], step.nodes[-1])))
    how = {"layer": step.nodes[0].op.kind, "stream": "streamed", "patch": "in patches"}[step.schedule]
    kinds = {b.name: b.kind for b in plan.alive(plan.peak_step)}
    parts = []
    for name, size in step.in_use[:MAX_BUFFERS]:
        kind = kinds.get(name, "tensor")
        of = values.get(name.split(":")[0], "")
        label = values.get(name, name) if kind == "tensor" else f"{kind} {of}".strip()
        parts.append(f"{label} {size:,} B")
    more = f" and {len(step.in_use) - MAX_BUFFERS} more" if len(step.in_use) > MAX_BUFFERS else ""
    return f"{running} ({how}): {', '.join(parts)}{more}"
