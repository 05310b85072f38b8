"""What a plan costs beyond the layer plan, in estimated cycles, and where that goes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from edgewright.converter.schedule.memory_plan import Plan, Step


@dataclass(frozen=True)
class StreamingCost:
    """Estimated cycles; all but `total` and `reread` are zero in a layer plan.

    Args:
        total: Of the plan, less those of the layer plan.
        copied: Rows copied from newest-row buffers into their rings.
        pushed: Rows of the input taken over from the application.
        recomputed: Borders of strips and patches that are computed once more, and the calls for each strip.
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
    computed = sum(strip_cycles(step))
    ops, lives = segment.simulation.ops, segment.simulation.lives
    rows = [int((lives[op.output].made >= 0).sum()) for op in ops]
    # Sums get a contribution from each row of the input.
    counts = np.bincount(segment.simulation.sequence, minlength=len(ops)).tolist()
    once = sum(
        (count if op.accumulates else own) * op.cycles
        for op, own, count in zip(ops, rows, counts, strict=True)
    )
    pushed = sum(own * op.cycles for op, own in zip(ops, rows, strict=True) if not op.node)
    return step.cycles - computed, pushed, computed - once


def strip_cycles(step: Step) -> list[float]:
    """Estimated cycles of each strip of a streamed segment, without those of copies."""
    assert step.streamed is not None
    ops = step.streamed.simulation.ops
    counts = np.bincount(step.streamed.simulation.sequence, minlength=len(ops)).tolist()
    return [
        sum(
            count * (op.fixed_cycles + (op.cycles - op.fixed_cycles) * rows[op.output] / op.out_row_bytes)
            for op, count in zip(ops, counts, strict=True)
        )
        for rows in step.row_bytes
    ]


def cycles_by_node(layers: Plan) -> Mapping[str, float]:
    """Estimated cycles of each node in the layer plan."""
    return {step.nodes[0].name: step.cycles for step in layers.steps}
