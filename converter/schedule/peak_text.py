"""The largest moment of a plan in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from edgewright.converter.schedule.memory_plan import Buffer, Plan, explain_peak
from edgewright.converter.short_names import short_names

MAX_BUFFERS = 4


def peak_text(plan: Plan) -> str:
    """`activation_1/Relu (dw): activation/Relu 8,000 B, activation_1/Relu 8,000 B, scratch 128 B`.

    The layer that runs at the step with the most bytes in use, and the largest of what is alive then.
    """
    step = plan.order[plan.peak_step]
    layer = short_names(n.name for n in plan.order)[step.name]
    short = short_names(b.name for b in plan.buffers if b.kind == "tensor")
    buffers = {b.name: b for b in plan.buffers}
    alive = [buffers[name] for name in explain_peak(plan)]
    parts = [
        f"{short[b.name] if b.kind == 'tensor' else 'scratch'} {_size_text(b, buffers, alive)}"
        for b in alive[:MAX_BUFFERS]
    ]
    more = f" and {len(alive) - MAX_BUFFERS} more" if len(alive) > MAX_BUFFERS else ""
    return f"{layer} ({step.op.kind}): {', '.join(parts)}{more}"


def _size_text(b: Buffer, buffers: Mapping[str, Buffer], alive: Sequence[Buffer]) -> str:
    """`8,000 B`, and where a buffer lies over its input's bytes how many it adds."""
    shared = buffers.get(b.shares or "")
    common = min(b.end, shared.end) - max(b.offset, shared.offset) if shared in alive and shared else 0
    return f"{b.size_bytes:,} B" + (
        f" ({b.size_bytes - common:,} B added, overlapping)" if common > 0 else ""
    )
