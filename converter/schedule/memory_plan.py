"""Plan: the order of the operations and the place of every buffer in the arena."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from edgewright.converter.program import Node, Program
from edgewright.errors import UsageError

SCHEMA_VERSION = 1
# The one op kind whose output is its input's bytes under another shape: it never moves data.
RESHAPE_KIND = "reshape"


@dataclass(frozen=True)
class Buffer:
    """A range of the arena that one tensor or one kernel's scratch memory owns for some steps.

    Args:
        name: The value's name, or `<node name>:scratch`.
        value: Name of the program's value, None for scratch.
        offset: First byte, relative to the start of the arena.
        size_bytes: Bytes in use (not rounded up to the alignment).
        first_step: First position in `Plan.order` at which the bytes are in use.
        last_step: Last such position, inclusive.
        kind: What lies there.
        shares: Name of the buffer whose storage this one takes over at `first_step` (an operation in
            place, a reshape, or an output that overtakes its input), else None. Only then may the two
            overlap.
        lead_bytes: How far this buffer has to begin below the one it shares where it overtakes it
            row by row (`overlap.py`); None where the two are at the same place.
    """

    name: str
    value: str | None
    offset: int
    size_bytes: int
    first_step: int
    last_step: int
    kind: Literal["tensor", "scratch"]
    shares: str | None = None
    lead_bytes: int | None = None

    @property
    def end(self) -> int:
        """First byte behind the buffer."""
        return self.offset + self.size_bytes


@dataclass(frozen=True)
class Plan:
    """Operator order and static arena layout of a program.

    All inputs are in the arena before step 0, outputs stay until after the last step; constants are
    not in the arena.

    Args:
        order: The nodes in execution order; a step is an index into it.
        buffers: Every tensor and scratch buffer, tensors first, in order of their first step.
        arena_bytes: Size of the arena, a multiple of `alignment`.
        lower_bound_bytes: No order and no placement needs less (proven).
        optimal: `arena_bytes == lower_bound_bytes`.
        gap_bytes: `arena_bytes - lower_bound_bytes`.
        peak_step: First step at which the most bytes are in use.
        alignment: Every offset is a multiple of it, in bytes.
    """

    order: tuple[Node, ...]
    buffers: tuple[Buffer, ...]
    arena_bytes: int
    lower_bound_bytes: int
    optimal: bool
    gap_bytes: int
    peak_step: int
    alignment: int = 4

    @property
    def offsets(self) -> dict[str, int]:
        """Offset in the arena by value name (reshaped values included, constants not)."""
        return {b.value: b.offset for b in self.buffers if b.value is not None}

    def scratch_offset(self, node: str) -> int | None:
        """Offset of a node's scratch memory, None where it has none."""
        name = scratch_name(node)
        return next((b.offset for b in self.buffers if b.kind == "scratch" and b.name == name), None)

    def alive(self, step: int) -> tuple[Buffer, ...]:
        """Buffers in use at a step."""
        return tuple(b for b in self.buffers if b.first_step <= step <= b.last_step)

    def bytes_in_use(self, step: int) -> int:
        """Bytes of the arena that hold something at a step; shared storage counts once."""
        return covered_bytes((b.offset, b.end) for b in self.alive(step))


def covered_bytes(ranges: Iterable[tuple[int, int]]) -> int:
    """Length of the union of half-open ranges."""
    total = reached = 0
    for start, end in sorted(ranges):
        total += max(end - max(start, reached), 0)
        reached = max(reached, end)
    return total


def scratch_name(node: str) -> str:
    """Name of the scratch buffer of a node."""
    return f"{node}:scratch"


def explain_peak(plan: Plan) -> tuple[str, ...]:
    """Names of the buffers in use at the largest moment, largest first; storage counted once.

    Where a value takes over the storage of another, only the value it became is named.
    """
    alive = plan.alive(plan.peak_step)
    # An input that is overtaken row by row still takes memory of its own.
    taken_over = {b.shares for b in alive if b.lead_bytes is None}
    owners = [b for b in alive if b.name not in taken_over]
    return tuple(b.name for b in sorted(owners, key=lambda b: (-b.size_bytes, b.first_step, b.name)))


def plan_to_json(plan: Plan) -> dict[str, Any]:
    """The plan as JSON-ready data; nodes appear by name."""
    return {
        "schema_version": SCHEMA_VERSION,
        "order": [n.name for n in plan.order],
        "buffers": [asdict(b) for b in plan.buffers],
        "arena_bytes": plan.arena_bytes,
        "lower_bound_bytes": plan.lower_bound_bytes,
        "optimal": plan.optimal,
        "gap_bytes": plan.gap_bytes,
        "peak_step": plan.peak_step,
        "peak": list(explain_peak(plan)),
        "alignment": plan.alignment,
    }


def plan_from_json(data: Mapping[str, Any], program: Program) -> Plan:
    """Read back what `plan_to_json` wrote for the same program.

    Raises:
        UsageError: EW-PLAN-FILE where the data is not a plan of this program.
    """
    nodes = {n.name: n for n in program.nodes}
    try:
        if data["schema_version"] != SCHEMA_VERSION:
            raise UsageError(
                "EW-PLAN-FILE",
                f"the plan has schema version {data['schema_version']}, readable is {SCHEMA_VERSION}",
            )
        return Plan(
            order=tuple(nodes[name] for name in data["order"]),
            buffers=tuple(Buffer(**b) for b in data["buffers"]),
            arena_bytes=data["arena_bytes"],
            lower_bound_bytes=data["lower_bound_bytes"],
            optimal=data["optimal"],
            gap_bytes=data["gap_bytes"],
            peak_step=data["peak_step"],
            alignment=data["alignment"],
        )
    except (KeyError, TypeError) as error:
        raise UsageError("EW-PLAN-FILE", f"not a plan of {program.name}: {error}") from error


def conflicts(plan: Plan) -> Iterator[tuple[Buffer, Buffer]]:
    """Pairs of buffers that use the same bytes at the same step without sharing them on purpose.

    A legal plan has none; the planner checks its own result with it. On purpose share: a value and its
    reshapes, and the input and output of an operation in place, at the step of that operation only.
    """
    by_name = {b.name: b for b in plan.buffers}

    def root(b: Buffer) -> str:
        while b.shares is not None and plan.order[b.first_step].op.kind == RESHAPE_KIND:
            b = by_name[b.shares]
        return b.name

    roots = {b.name: root(b) for b in plan.buffers}
    handed_over = {
        (roots[b.shares], b.name): b.first_step
        for b in plan.buffers
        if b.shares is not None and roots[b.name] == b.name
    }
    for i, a in enumerate(plan.buffers):
        for b in plan.buffers[i + 1 :]:
            first, last = max(a.first_step, b.first_step), min(a.last_step, b.last_step)
            if first > last or a.offset >= b.end or b.offset >= a.end or roots[a.name] == roots[b.name]:
                continue
            pair = (roots[a.name], roots[b.name])
            step = handed_over.get(pair, handed_over.get(pair[::-1]))
            if not (first == last == step and _agreed(by_name, a, b)):
                yield a, b


def _agreed(by_name: Mapping[str, Buffer], a: Buffer, b: Buffer) -> bool:
    """Whether two buffers that share on purpose lie as they have to."""
    output = a if a.shares is not None and a.first_step >= b.first_step else b
    assert output.shares is not None
    distance = by_name[output.shares].offset - output.offset
    return distance == 0 if output.lead_bytes is None else distance >= output.lead_bytes
