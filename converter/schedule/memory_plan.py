"""Plan: how every node of a program runs, and the place of every buffer in the arena."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from edgewright.converter.program import Node
from edgewright.converter.schedule.band import Kind
from edgewright.converter.schedule.rings import Ring
from edgewright.converter.schedule.row_op import RowOp
from edgewright.converter.schedule.segment import InputMode, Streamed

SCHEMA_VERSION = 2

Schedule = Literal["layer", "stream", "patch"]


@dataclass(frozen=True)
class Buffer:
    """A range of the arena that something owns for some steps.

    Buffers in use at the same step may overlap where they are not in use at the same moment of it: an
    output that overtakes its input row by row, the newest rows of two line buffers, scratch memory.

    Args:
        name: The value's name, `<value>:newest`, `<node>:scratch` or `:state`.
        value: Name of the program's value, None for what holds no whole value.
        offset: First byte, relative to the start of the arena.
        size_bytes: Bytes in use (not rounded up to the alignment).
        first_step: First index into `Plan.steps` at which the bytes are in use.
        last_step: Last such step, inclusive.
        kind: What lies there.
        slots: Rows of a ring, else 0.
        strip: Column strip of the step during which it is in use, 0 where there is only one.
    """

    name: str
    value: str | None
    offset: int
    size_bytes: int
    first_step: int
    last_step: int
    kind: Kind
    slots: int = 0
    strip: int = 0

    @property
    def end(self) -> int:
        """First byte behind the buffer."""
        return self.offset + self.size_bytes


@dataclass(frozen=True, eq=False)
class Step:
    """Consecutive nodes that run together: one whole, or several streamed row by row.

    Args:
        nodes: In execution order.
        schedule: How they run.
        strips: Column strips, 1 for none.
        patches: Rows and columns of patches, None unless the schedule is "patch".
        op: The kernel of a node that runs whole, else None.
        streamed: Events of a streamed segment, else None.
        rings: Line buffer by value, of a streamed segment.
        row_bytes: Bytes of a row by value, for each strip of a streamed segment.
        in_use_bytes: Largest number of bytes in use.
        in_use: What is in use at that moment: (name, bytes), largest first.
        cycles: Estimated.
        macs: With those computed twice.
        constant_bytes: Constants of the kernels.
        functions: Functions they need and their bytes.
    """

    nodes: tuple[Node, ...]
    schedule: Schedule
    strips: int
    patches: tuple[int, int] | None
    op: RowOp | None
    streamed: Streamed | None
    rings: Mapping[str, Ring]
    row_bytes: tuple[Mapping[str, int], ...]
    in_use_bytes: int
    in_use: tuple[tuple[str, int], ...]
    cycles: float
    macs: float
    constant_bytes: int = 0
    functions: Mapping[str, int] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Name of the only node, or of the first and the last."""
        first, last = self.nodes[0].name, self.nodes[-1].name
        return first if len(self.nodes) == 1 else f"{first} … {last}"


@dataclass(frozen=True, eq=False)
class Plan:
    """Execution order, schedules and static arena layout of a program.

    Resident inputs are in the arena before step 0, outputs stay until after the last step; constants
    are not in the arena.

    Args:
        steps: In execution order.
        buffers: Tensors first, in order of their first step.
        arena_bytes: Size of the arena, a multiple of `alignment`.
        lower_bound_bytes: No segmentation that is as fast needs less, wherever everything is placed (proven
            where all were compared).
        searched: Whether all segmentations were compared.
        input_mode: "resident", or "rows": the application pushes the rows of the input.
        macs: Of a layer by layer inference.
        alignment: Every offset is a multiple of it, in bytes.
    """

    steps: tuple[Step, ...]
    buffers: tuple[Buffer, ...]
    arena_bytes: int
    lower_bound_bytes: int
    searched: bool
    input_mode: InputMode
    macs: int
    alignment: int = 4

    @property
    def optimal(self) -> bool:
        return self.searched and self.arena_bytes == self.lower_bound_bytes

    @property
    def gap_bytes(self) -> int:
        return self.arena_bytes - self.lower_bound_bytes

    @property
    def cycles(self) -> float:
        return sum(s.cycles for s in self.steps)

    @property
    def kernel_bytes(self) -> int:
        """Constants and code of the kernels, about; code that several use counts once."""
        functions = {name: size for s in self.steps for name, size in s.functions.items()}
        return self.constant_bytes + sum(functions.values())

    @property
    def constant_bytes(self) -> int:
        """Constants of the kernels."""
        return sum(s.constant_bytes for s in self.steps)

    @property
    def mac_overhead(self) -> float:
        """Executed multiply-accumulates relative to a layer by layer inference."""
        return sum(s.macs for s in self.steps) / self.macs if self.macs else 1.0

    @property
    def schedule(self) -> Schedule:
        """The most involved schedule of any step."""
        kinds = {s.schedule for s in self.steps}
        return "patch" if "patch" in kinds else "stream" if "stream" in kinds else "layer"

    @property
    def passes(self) -> int:
        """How often the application pushes the whole input."""
        first = self.steps[0] if self.steps else None
        return first.strips if first is not None and self.input_mode == "rows" else 1

    @property
    def offsets(self) -> dict[str, int]:
        """Offset in the arena by value name, of whole values."""
        return {b.value: b.offset for b in self.buffers if b.value is not None}

    @property
    def peak_step(self) -> int:
        """First step at which the most bytes are in use."""
        return max(range(len(self.steps)), key=lambda i: (self.steps[i].in_use_bytes, -i), default=0)

    def alive(self, step: int) -> tuple[Buffer, ...]:
        """Buffers in use at a step."""
        return tuple(b for b in self.buffers if b.first_step <= step <= b.last_step)


def plan_to_json(plan: Plan) -> dict[str, Any]:
    """The plan as JSON-ready data; nodes appear by name."""
    return {
        "schema_version": SCHEMA_VERSION,
        "input": plan.input_mode,
        "passes": plan.passes,
        "schedule": plan.schedule,
        "ram_bytes": plan.arena_bytes,
        "estimated_cycles": round(plan.cycles),
        "mac_overhead": round(plan.mac_overhead, 4),
        "kernel_bytes": plan.kernel_bytes,
        "segments": segments_to_json(plan.steps),
        "buffers": [asdict(b) for b in plan.buffers],
        "arena_bytes": plan.arena_bytes,
        "lower_bound_bytes": plan.lower_bound_bytes,
        "optimal": plan.optimal,
        "gap_bytes": plan.gap_bytes,
        "peak_step": plan.peak_step,
        "alignment": plan.alignment,
    }


def segments_to_json(steps: Sequence[Step]) -> list[dict[str, Any]]:
    """What runs together and how."""
    return [
        {
            "nodes": [n.name for n in s.nodes],
            "schedule": s.schedule,
            "strips": s.strips,
            "patches": list(s.patches) if s.patches else None,
            "in_use_bytes": s.in_use_bytes,
            "in_use": [list(pair) for pair in s.in_use],
            "estimated_cycles": round(s.cycles),
            "macs": round(s.macs),
            "constant_bytes": s.constant_bytes,
        }
        for s in steps
    ]
