"""What a plan costs beyond the layer plan, in estimated cycles, and where that goes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from edgewright.converter.schedule.candidate import row_bytes_of
from edgewright.converter.schedule.memory_plan import Plan, Step


@dataclass(frozen=True)
class StreamingCost:
    """Estimated cycles; all but `total` and `reread` are zero in a layer plan.

    Args:
        total: Of the plan, less those of the layer plan.
        copied: Rows copied from newest-row buffers into their rings.
        pushed: Rows of the input taken over from the application.
        recomputed: Columns at the borders of strips that are computed once more.
        reread: The rest: a call for each row, weights read again for each row, slower kernels with less
            scratch memory.
    """

    total: float
    copied: float
    pushed: float
    recomputed: float
    reread: float


def streaming_cost(plan: Plan, layers: Plan) -> StreamingCost:
    """Compare a plan with the layer plan of the same program.

    Args:
        plan: Any plan.
        layers: Every node whole, input resident.
    """
    total = plan.cycles - layers.cycles
    parts = [_parts(step) for step in plan.steps]
    copied, pushed, recomputed = (sum(p[i] for p in parts) for i in range(3))
    return StreamingCost(total, copied, pushed, recomputed, total - copied - pushed - recomputed)


def _parts(step: Step) -> tuple[float, float, float]:
    """Cycles of copies, of pushed rows and of what is computed twice in one step."""
    segment = step.streamed
    if segment is None:
        return 0.0, 0.0, 0.0
    _, computed, _ = row_bytes_of(segment, step.strips)
    _, once, _ = row_bytes_of(segment, 1)
    ops, counts = segment.simulation.ops, np.bincount(segment.simulation.sequence)
    pushed = sum(float(c) * op.cycles for c, op in zip(counts, ops, strict=True) if not op.node)
    return step.cycles - computed, pushed, computed - once


def cycles_by_node(layers: Plan) -> Mapping[str, float]:
    """Estimated cycles of each node in the layer plan."""
    return {step.nodes[0].name: step.cycles for step in layers.steps}
