"""The largest moment of a plan in words."""

from __future__ import annotations

from edgewright.converter.schedule.memory_plan import Plan, explain_peak
from edgewright.converter.short_names import short_names

MAX_BUFFERS = 4


def peak_text(plan: Plan) -> str:
    """`activation_1/Relu (dw): activation/Relu 8,000 B, activation_1/Relu 8,000 B, scratch 128 B`.

    The layer that runs at the step with the most bytes in use, and the largest of what is alive then.
    """
    step = plan.order[plan.peak_step]
    buffers = {b.name: b for b in plan.buffers}
    short = short_names(b.name for b in plan.buffers if b.kind == "tensor")
    layer = short_names(n.name for n in plan.order)[step.name]
    alive = explain_peak(plan)
    parts = [
        f"{short[name] if buffers[name].kind == 'tensor' else 'scratch'} {buffers[name].size_bytes:,} B"
        for name in alive[:MAX_BUFFERS]
    ]
    more = f" and {len(alive) - MAX_BUFFERS} more" if len(alive) > MAX_BUFFERS else ""
    return f"{layer} ({step.op.kind}): {', '.join(parts)}{more}"
