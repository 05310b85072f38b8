"""A map of the arena that says for every byte which byte of which value lies there."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass

import numpy as np

from edgewright.converter.program import Program
from edgewright.converter.schedule import Plan
from edgewright.converter.schedule.network import storage_roots
from edgewright.errors import WorkError

UNDEFINED = -1


@dataclass(frozen=True)
class Span:
    """Neighbouring bytes of a value, numbered over all values of the program."""

    first: int
    size: int


class ArenaMap:
    """What lies where while a plan is replayed.

    Args:
        program: What was planned.
        plan: The plan.

    Attributes:
        where: Which call of which kernel runs, for messages.
        guard: Bytes that nothing may write to.
    """

    def __init__(self, program: Program, plan: Plan) -> None:
        self.where = ""
        self.guard = range(0)
        self._root = storage_roots(program)
        self._names: list[str] = []
        self._firsts: list[int] = []
        self._rows: list[int] = []
        self._first_of: dict[str, int] = {}
        count = 0
        sizes = {
            v: (program.values[v].size_bytes, program.values[v].row_bytes) for v in set(self._root.values())
        }
        for step in plan.steps:
            for op in step.streamed.simulation.ops if step.streamed is not None else ():
                if op.accumulates:
                    # Sums are other bytes after every call, and before the first.
                    sizes[op.output] = ((op.out_rows + 1) * op.out_row_bytes, op.out_row_bytes)
        for name, (size, row) in sizes.items():
            self._names.append(name)
            self._firsts.append(count)
            self._rows.append(row)
            self._first_of[name] = count
            count += size
        self._bytes = np.arange(count, dtype=np.int32)
        self._there = np.full(plan.arena_bytes, UNDEFINED, np.int32)

    def span(self, value: str, first: int, size: int) -> Span:
        """Bytes of a value (which a reshape does not change) or of sums."""
        return Span(self._first_of[self._root.get(value, value)] + first, size)

    def write(self, span: Span, at: int) -> None:
        """These bytes are now there."""
        self._check_writable(at, span.size)
        self._there[at : at + span.size] = self._bytes[span.first : span.first + span.size]

    def spoil(self, at: int, size: int) -> None:
        """Something that nobody reads is now there."""
        self._check_writable(at, size)
        self._there[at : at + size] = UNDEFINED

    def read(self, span: Span, at: int) -> None:
        """Check that these bytes are there.

        Raises:
            WorkError: EW-PLAN-OVERLAP.
        """
        there = self._there[at : at + span.size]
        wanted = self._bytes[span.first : span.first + span.size]
        if at < 0 or len(there) < span.size or not np.array_equal(there, wanted):
            wrong = next(
                (i for i, (a, b) in enumerate(zip(there, wanted, strict=False)) if a != b), len(there)
            )
            found = self._describe(int(there[wrong])) if 0 <= wrong < len(there) else "the end of the arena"
            wanted_row, last = self._describe(span.first), at + span.size - 1
            raise self.error(f"reads {wanted_row} at {at} .. {last}; at {at + wrong} is {found}")

    def error(self, what: str) -> WorkError:
        """EW-PLAN-OVERLAP in the call that runs."""
        return WorkError(
            "EW-PLAN-OVERLAP",
            f"the plan is wrong: {self.where} {what}",
            "this is a bug of the planner: report it",
        )

    def _check_writable(self, at: int, size: int) -> None:
        if at < 0 or at + size > len(self._there):
            raise self.error(f"writes {at} .. {at + size - 1} in an arena of {len(self._there)} bytes")
        if at < self.guard.stop and self.guard.start < at + size:
            raise self.error(f"writes {at} .. {at + size - 1} over the driver's state at {self.guard.start}")

    def _describe(self, byte: int) -> str:
        if byte == UNDEFINED:
            return "nothing"
        i = bisect_right(self._firsts, byte) - 1
        return f"row {(byte - self._firsts[i]) // self._rows[i]} of {self._names[i]}"
