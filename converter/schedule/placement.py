"""Placing blocks of memory with known lifetimes: best fit, over several orders of the blocks.

For a network without branches this meets the lower bound nearly always; what remains goes to the
solver (`exact_placement.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from edgewright.converter.schedule.storage_graph import StorageGraph


@dataclass(frozen=True)
class Block:
    """Memory that stays at one place from its first to its last step (inclusive).

    Args:
        storages: The storages that live there one after the other (in place); none for scratch.
        scratch_of: Operation index where it is scratch memory, else None.
        size_bytes: A multiple of the alignment.
    """

    storages: tuple[int, ...]
    scratch_of: int | None
    size_bytes: int
    first_step: int
    last_step: int

    @property
    def steps(self) -> int:
        return self.last_step - self.first_step + 1

    def meets(self, other: Block) -> bool:
        """Whether both are alive at some step."""
        return self.first_step <= other.last_step and other.first_step <= self.last_step


def blocks_of(graph: StorageGraph, order: Sequence[int]) -> list[Block]:
    """Blocks of an execution order, every operation in place that can be.

    Args:
        graph: Storages and operations.
        order: Operation indices in execution order.
    """
    position = {operation: step for step, operation in enumerate(order)}
    final = max(len(order) - 1, 0)
    chains: dict[int, list[int]] = {i: [i] for i, s in enumerate(graph.storages) if s.producer is None}
    blocks: list[Block] = []
    done = 0
    for step, operation in enumerate(order):
        op = graph.operations[operation]
        if op.writes is not None:
            taken = op.takes_over if graph.in_place(operation, done) else None
            chains[op.writes] = [*(chains.pop(taken) if taken is not None else []), op.writes]
        if op.scratch_bytes:
            blocks.append(Block((), operation, op.scratch_bytes, step, step))
        done |= 1 << operation
    for chain in chains.values():
        start, end = graph.storages[chain[0]], graph.storages[chain[-1]]
        first = position[start.producer] if start.producer is not None else 0
        last = final if end.is_output else max((position[i] for i in _bits(end.readers)), default=first)
        if not end.is_output and end.producer is not None:
            last = max(last, position[end.producer])
        blocks.append(Block(tuple(chain), None, start.size_bytes, first, last))
    return blocks


def live_bytes(blocks: Sequence[Block], step: int) -> int:
    """Sum of the sizes alive at a step."""
    return sum(b.size_bytes for b in blocks if b.first_step <= step <= b.last_step)


def place(blocks: Sequence[Block], bound_bytes: int) -> tuple[list[int], int]:
    """Offsets of the blocks, the best of several greedy runs.

    Args:
        blocks: What to place.
        bound_bytes: Known lower bound of the height; the search ends when it is met.

    Returns:
        (offset of each block, height in bytes).
    """
    priorities: tuple[Callable[[Block], tuple[int, ...]], ...] = (
        lambda b: (-b.size_bytes, -b.steps, b.first_step),
        lambda b: (-b.size_bytes * b.steps, -b.size_bytes, b.first_step),
        lambda b: (-b.steps, -b.size_bytes, b.first_step),
        lambda b: (b.first_step, -b.size_bytes, -b.steps),
        lambda b: (-live_bytes(blocks, b.first_step), -b.size_bytes, b.first_step),
    )
    best: tuple[list[int], int] = ([], -1)
    for priority in priorities:
        ranked = sorted(range(len(blocks)), key=lambda i: (priority(blocks[i]), i))
        for smallest_gap in (True, False):
            offsets = _greedy(blocks, ranked, smallest_gap)
            height = max((o + b.size_bytes for o, b in zip(offsets, blocks, strict=True)), default=0)
            if best[1] < 0 or height < best[1]:
                best = (offsets, height)
            if best[1] <= bound_bytes:
                return best
    return best


def _greedy(blocks: Sequence[Block], ranked: Sequence[int], smallest_gap: bool) -> list[int]:
    """Place one block after the other, at the lowest gap that is large enough, or at the smallest."""
    offsets = [-1] * len(blocks)
    for i in ranked:
        block = blocks[i]
        taken = sorted(
            (offsets[j], offsets[j] + other.size_bytes)
            for j, other in enumerate(blocks)
            if offsets[j] >= 0 and block.meets(other)
        )
        gaps: list[tuple[int, int]] = []
        end = 0
        for start, stop in taken:
            if start - end >= block.size_bytes:
                gaps.append((start - end if smallest_gap else 0, end))
            end = max(end, stop)
        offsets[i] = min(gaps)[1] if gaps else end
    return offsets


def _bits(mask: int) -> list[int]:
    return [i for i in range(mask.bit_length()) if mask >> i & 1]
