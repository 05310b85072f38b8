"""Paths that cannot be placed within their largest moment, mended by kernels that need less memory.

A path says how much is in use at every moment, not where: tensors that overlap step by step drift through
the arena, and working memory then finds no hole. Kernels with less of it leave one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from edgewright.converter.schedule.candidate import Candidate
from edgewright.converter.schedule.memory_plan import Plan
from edgewright.converter.schedule.search import Cost, Path, path_of

# Placements that are tried for one path.
MOST_TRIED = 200

Place = Callable[[Path], Plan]


def repaired(
    path: Path, edges: Sequence[Sequence[Candidate]], limit_bytes: int, cost: Cost, place: Place
) -> Path | None:
    """A path of the same segments that is placed within a limit; None where none was found.

    It starts from the kernels of least memory and takes cheaper ones as long as all can be placed, those
    that save most first.

    Args:
        path: Says which segments.
        edges: Candidates by first position.
        limit_bytes: Of the arena.
        cost: What a path should have little of.
        place: Places a path.
    """
    choices = [_alike(c, edges, limit_bytes, cost) for c in path.candidates]
    if not all(choices):
        return None
    taken = [min(some, key=lambda c: (c.peak_bytes, cost(c))) for some in choices]
    found = path_of(taken)
    if place(found).arena_bytes > limit_bytes:
        return None
    gains = [(cost(c) - cost(some[0]), i) for i, (c, some) in enumerate(zip(taken, choices, strict=True))]
    left = MOST_TRIED
    for _, i in sorted(gains, key=lambda g: (-g[0], g[1])):
        for better in choices[i]:
            if better is taken[i] or not left:
                break
            left -= 1
            attempt = path_of([*taken[:i], better, *taken[i + 1 :]])
            if place(attempt).arena_bytes <= limit_bytes:
                taken[i], found = better, attempt
                break
    return found


def _alike(
    known: Candidate, edges: Sequence[Sequence[Candidate]], limit_bytes: int, cost: Cost
) -> list[Candidate]:
    """Other kernels of the same segment, the cheapest first."""
    shape = (known.stop, known.strips, known.blocks)
    some = [c for c in edges[known.first] if (c.stop, c.strips, c.blocks) == shape]
    return sorted((c for c in some if c.peak_bytes <= limit_bytes), key=cost)
