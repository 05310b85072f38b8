"""The program as the planner sees it: storages with sizes, and operations that read and write them.

A storage is a value together with all its reshapes. Sizes are rounded up to the alignment, so that
sums of sizes are exact; sets of operations are bit masks (bit i = node i of the program).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from edgewright.converter.program import Program
from edgewright.converter.schedule.band import round_up
from edgewright.converter.schedule.network import in_place_storage, storage_roots


@dataclass(frozen=True)
class Storage:
    """Memory of one value and its reshapes.

    Args:
        values: Names, the one that is computed (or a graph input) first, then its reshapes.
        size_bytes: Rounded up to the alignment.
        producer: Index of the operation that writes it, None for a graph input.
        readers: Bit mask of the operations that read it, reshapes included.
        is_output: Some of the values is a graph output, so it stays to the end.
    """

    values: tuple[str, ...]
    size_bytes: int
    producer: int | None
    readers: int
    is_output: bool


@dataclass(frozen=True)
class Operation:
    """Memory behaviour of one node.

    Args:
        reads: Storages read (indices, distinct).
        writes: Storage written, None for a reshape.
        takes_over: The storage read that the written one may replace in place, if nothing needs it
            afterwards; None where the op, the sizes or the program do not allow it.
        scratch_bytes: Rounded up to the alignment.
        needs: Bit mask of the operations that come before.
    """

    reads: tuple[int, ...]
    writes: int | None
    takes_over: int | None
    scratch_bytes: int
    needs: int


@dataclass(frozen=True)
class StorageGraph:
    """All storages and operations of a program; operations are indexed like `Program.nodes`."""

    storages: tuple[Storage, ...]
    operations: tuple[Operation, ...]

    def dies_at(self, storage: int, done: int) -> bool:
        """Whether a storage is not needed once the operations in the mask `done` have run."""
        s = self.storages[storage]
        return not s.is_output and s.readers & ~done == 0

    def in_place(self, operation: int, done: int) -> bool:
        """Whether an operation can work in place; `done` are the ones before it."""
        taken = self.operations[operation].takes_over
        return taken is not None and self.dies_at(taken, done | 1 << operation)

    @cached_property
    def initial_bytes(self) -> int:
        """Bytes of all graph inputs: they are all there before the first step."""
        return sum(s.size_bytes for s in self.storages if s.producer is None)

    @cached_property
    def unread_input_bytes(self) -> int:
        """Bytes of graph inputs that nothing reads; they are free after the first step."""
        return sum(
            s.size_bytes for i, s in enumerate(self.storages) if s.producer is None and self.dies_at(i, 0)
        )

    def step(self, operation: int, done: int, live_bytes: int) -> tuple[int, int]:
        """Memory while an operation runs and after it.

        Args:
            operation: Index of the operation to run next.
            done: Mask of the operations before it.
            live_bytes: Bytes alive between the two, inputs that nothing reads not counted.

        Returns:
            (bytes in use during the step, bytes alive after it).
        """
        op = self.operations[operation]
        after = done | 1 << operation
        written = self.storages[op.writes].size_bytes if op.writes is not None else 0
        during = live_bytes + op.scratch_bytes + (0 if self.in_place(operation, done) else written)
        left = live_bytes + written
        if op.writes is not None and self.dies_at(op.writes, after):
            left -= written
        left -= sum(self.storages[r].size_bytes for r in op.reads if self.dies_at(r, after))
        return during + (self.unread_input_bytes if done == 0 else 0), left


def build_storage_graph(program: Program, scratch_bytes: Mapping[str, int], alignment: int) -> StorageGraph:
    """Derive storages and operations of a program.

    Args:
        program: Verified program.
        scratch_bytes: Scratch memory by node name; absent means none.
        alignment: Every size is rounded up to a multiple of it.
    """
    owner = storage_roots(program)
    names = list(dict.fromkeys(owner.values()))
    index = {name: i for i, name in enumerate(names)}
    of_value = {value: index[name] for value, name in owner.items()}
    outputs = {of_value[p.value] for p in program.outputs if p.value in of_value}
    producer = {of_value[n.output]: i for i, n in enumerate(program.nodes) if owner.get(n.output) == n.output}
    readers = [0] * len(names)
    for i, node in enumerate(program.nodes):
        for value in node.inputs:
            if value in of_value:
                readers[of_value[value]] |= 1 << i
    storages = tuple(
        Storage(
            values=tuple(v for v, s in of_value.items() if s == i),
            size_bytes=round_up(program.values[name].size_bytes, alignment),
            producer=producer.get(i),
            readers=readers[i],
            is_output=i in outputs,
        )
        for i, name in enumerate(names)
    )
    written_by = {n.output: i for i, n in enumerate(program.nodes)}
    operations = tuple(
        Operation(
            reads=tuple(dict.fromkeys(of_value[v] for v in node.inputs if v in of_value)),
            writes=of_value[node.output] if owner.get(node.output) == node.output else None,
            takes_over=_takes_over(in_place_storage(program, node, owner), of_value, outputs),
            scratch_bytes=round_up(scratch_bytes.get(node.name, 0), alignment),
            needs=sum({1 << written_by[v] for v in node.inputs if v in written_by}),
        )
        for node in program.nodes
    )
    return StorageGraph(storages, operations)


def _takes_over(name: str | None, of_value: Mapping[str, int], outputs: set[int]) -> int | None:
    """Index of a storage that may be taken over, unless it is an output of the graph."""
    return None if name is None or of_value[name] in outputs else of_value[name]
