"""Placing the memory of a plan in one arena.

Two buffers that are in use at the same events need not be disjoint as wholes: a tensor that is read row
by row dies from its start, one that is written row by row grows from its start. So each pair has two
distances: how far the first has to begin above the second, or the second above the first.

    A above B:  offset[A] - offset[B] >= above[A, B] = max over events of  upper_B - lower_A

A placement is any assignment of offsets that keeps one of the two distances for every pair in use
together. Greedy in several orders, improved by reordering, then by OR-tools CP-SAT.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edgewright.converter.schedule.band import Band

# "No distance needed": far below any sum of sizes.
FREE = -(2**40)
# Greedy placements tried before the solver, each with one buffer moved in the order.
REORDERINGS = 30
# The solver's deterministic clock ran at 0.38 of a wall clock on a busy two-core machine.
DETERMINISTIC_PER_WALL_SECOND = 0.25


@dataclass(frozen=True)
class Placement:
    """Offsets of the buffers.

    Args:
        offsets: In bytes.
        height_bytes: Bytes needed.
        bound_bytes: No placement of these buffers needs less (proven).
    """

    offsets: tuple[int, ...]
    height_bytes: int
    bound_bytes: int


class Together:
    """The distances between buffers, collected step by step."""

    def __init__(self, sizes: Sequence[int]) -> None:
        self.sizes = np.array(sizes, np.int64)
        self.above = np.full((len(sizes), len(sizes)), FREE, np.int64)
        self.bound = int(self.sizes.max(initial=0))

    def add(
        self,
        members: Sequence[int],
        bands: Sequence[Band],
        leads: Mapping[tuple[int, int], int] | None = None,
        shared_bytes: int = 0,
    ) -> None:
        """The bands of some buffers over the events of one step.

        Args:
            members: Index of each band's buffer.
            bands: Over the same events.
            leads: Known distances of the first of two bands above the second, which replace what the
                bands say.
            shared_bytes: How much less than the sum of the bands that can save.
        """
        events = max((len(b.used) for b in bands), default=1)
        shape = (len(bands), events)
        used, lower, upper = np.zeros(shape, bool), np.zeros(shape, np.int64), np.zeros(shape, np.int64)
        for i, band in enumerate(bands):
            used[i] = band.used
            lower[i] = 0 if band.lower is None else band.lower
            upper[i] = band.size_bytes if band.upper is None else band.upper
        together = int(np.where(used, upper - lower, 0).sum(0).max(initial=0))
        self.bound = max(self.bound, together - shared_bytes)
        index = np.array(members)
        for i, member in enumerate(members):
            needed = np.where(used & used[i], upper - lower[i], FREE).max(1)
            needed[i] = FREE
            for (higher, below), lead in (leads or {}).items():
                if higher == i:
                    needed[below] = lead
            self.above[member, index] = np.maximum(self.above[member, index], needed)


def place(together: Together, alignment: int, *, solver_s: float = 0.0) -> Placement:
    """Find offsets with a small height.

    Args:
        together: Sizes and distances.
        alignment: Of every offset, in bytes.
        solver_s: Seconds for the solver where greedy placement leaves a gap, 0 for none.
    """
    sizes = together.sizes
    above = np.where(together.above == FREE, FREE, -(-together.above // alignment) * alignment)
    bound = together.bound
    best = _improve(sizes, above, bound)
    if best[1] > bound and solver_s > 0 and len(sizes) > 1:
        found, proven = _solve(sizes, above, best[1], bound, alignment, solver_s)
        best, bound = found or best, max(bound, proven)
    return Placement(tuple(best[0]), best[1], min(bound, best[1]))


def _improve(sizes: npt.NDArray[np.int64], above: npt.NDArray[np.int64], bound: int) -> tuple[list[int], int]:
    """Greedy placement in several orders; then buffers that end at the top go first."""
    count = len(sizes)
    neighbours = [
        [
            (j, int(above[i, j]), int(above[j, i]))
            for j in range(count)
            if above[i, j] != FREE or above[j, i] != FREE
        ]
        for i in range(count)
    ]
    degree = [sum(int(sizes[j]) for j, _, _ in near) for near in neighbours]
    lengths = [int(s) for s in sizes]
    orders = [
        sorted(range(count), key=lambda i: (-lengths[i], -degree[i])),
        sorted(range(count), key=lambda i: (-degree[i], -lengths[i])),
        list(range(count)),
        list(reversed(range(count))),
    ]
    best: tuple[list[int], int] = ([], 2**62)
    best_order: list[int] = orders[0]
    for order in orders:
        offsets, height = _greedy(lengths, neighbours, order)
        if height < best[1]:
            best, best_order = (offsets, height), order
        if best[1] <= bound:
            return best
    chance = random.Random(1)
    for _ in range(REORDERINGS):
        if best[1] <= bound:
            break
        order = list(best_order)
        tops = [i for i in range(count) if best[0][i] + lengths[i] == best[1]]
        moved = chance.choice(tops) if chance.random() < 0.5 else chance.randrange(count)
        order.remove(moved)
        order.insert(chance.randrange(count), moved)
        offsets, height = _greedy(lengths, neighbours, order)
        if height <= best[1]:
            best, best_order = (offsets, height), order
    return best


def _greedy(
    sizes: Sequence[int], neighbours: Sequence[Sequence[tuple[int, int, int]]], order: Sequence[int]
) -> tuple[list[int], int]:
    """Each buffer at the lowest offset that keeps its distances from those placed before it."""
    offsets = [-1] * len(sizes)
    height = 0
    for i in order:
        taken = []
        for j, up, down in neighbours[i]:
            at = offsets[j]
            # Forbidden: at - down < x < at + up (a distance not asked for forbids nothing).
            if at >= 0 and up > -down:
                taken.append((at - down, at + up))
        taken.sort()
        offsets[i] = _lowest(taken)
        height = max(height, offsets[i] + sizes[i])
    return offsets, height


def _lowest(taken: Sequence[tuple[int, int]]) -> int:
    """The smallest x >= 0 strictly inside none of the open intervals, which are sorted."""
    x = 0
    for low, high in taken:
        if low < x < high:
            x = high
    return x


def _solve(
    sizes: npt.NDArray[np.int64],
    above: npt.NDArray[np.int64],
    best: int,
    bound: int,
    alignment: int,
    time_limit_s: float,
) -> tuple[tuple[list[int], int] | None, int]:
    """Look for a smaller height than `best`; returns it, and the proven bound."""
    from ortools.sat.python import cp_model  # slow to import

    model: Any = cp_model.CpModel()
    high = best // alignment - 1
    units = [int(s) // alignment for s in sizes]
    if max(units) > high:
        return None, best
    height = model.new_int_var(bound // alignment, high, "height")
    offsets = [model.new_int_var(0, high - u, "") for u in units]
    for offset, size in zip(offsets, units, strict=True):
        model.add(offset + size <= height)
    for i in range(len(units)):
        for j in range(i + 1, len(units)):
            if above[i, j] == FREE and above[j, i] == FREE:
                continue
            first = model.new_bool_var("")
            up, down = int(above[i, j]) // alignment, int(above[j, i]) // alignment
            model.add(offsets[i] - offsets[j] >= up).only_enforce_if(first)
            model.add(offsets[j] - offsets[i] >= down).only_enforce_if(~first)
    model.minimize(height)
    solver: Any = cp_model.CpSolver()
    limit_solver(solver, time_limit_s)
    status = solver.solve(model)
    if status == cp_model.INFEASIBLE:
        return None, best
    if status not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        return None, bound
    found = [solver.value(o) * alignment for o in offsets]
    return (found, round(solver.objective_value) * alignment), round(solver.best_objective_bound) * alignment


def limit_solver(solver: Any, time_limit_s: float) -> None:
    """One worker, a fixed seed, and a limit on the solver's count of its own work.

    So the same program gets the same plan everywhere; that limit is set to end the search before the
    wall clock does.
    """
    solver.parameters.num_workers = 1
    solver.parameters.random_seed = 1
    solver.parameters.max_deterministic_time = time_limit_s * DETERMINISTIC_PER_WALL_SECOND
    solver.parameters.max_time_in_seconds = time_limit_s
    # Its own handler would leave Ctrl-C with the default action, which kills without tidying up.
    solver.parameters.catch_sigint_signal = False
