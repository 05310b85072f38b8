"""Outputs that overtake their inputs: a layer may write over input rows it has already consumed.

A row kernel writes output row r when it no longer needs the input rows above its window. So the output
may begin a fixed number of bytes (the lead) below the input and overwrite it from behind, as in vMCU
(2024). For a layer whose input dies with it, the two buffers then need little more than the larger one.

The order is given; every pair of blocks alive together is disjoint, or an output with its lead below
its input. A solver minimizes the height:

    o[i] + size[i] <= o[j]   or   o[j] + size[j] <= o[i]   or   o[input] - o[output] >= lead
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from edgewright.converter.schedule.exact_placement import limit_solver
from edgewright.converter.schedule.placement import Block
from edgewright.converter.schedule.storage_graph import StorageGraph

# Leads by operation index: for each storage it reads, the bytes its output may begin below it.
Leads = Mapping[int, Mapping[int, int]]


@dataclass(frozen=True)
class Overlap:
    """Two blocks that may overlap: `output` at least `lead_bytes` below `source`."""

    source: int
    output: int
    lead_bytes: int


@dataclass(frozen=True)
class Overlapped:
    """A placement.

    Args:
        offsets: Of the blocks, in bytes.
        height_bytes: Bytes needed.
        bound_bytes: No placement of these blocks needs less (proven).
    """

    offsets: list[int]
    height_bytes: int
    bound_bytes: int


def overlaps(
    graph: StorageGraph, blocks: Sequence[Block], order: Sequence[int], leads: Leads
) -> list[Overlap]:
    """Pairs of blocks that may overlap: the operation between them is the last to need its input.

    An output overtakes one input only, the largest that it may.
    """
    ending = {b.storages[-1]: i for i, b in enumerate(blocks) if b.storages}
    starting = {b.storages[0]: i for i, b in enumerate(blocks) if b.storages}
    found = []
    for step, operation in enumerate(order):
        written = graph.operations[operation].writes
        if written is None or written not in starting:
            continue
        output = starting[written]
        # Alive together at this step only: the input dies here, the output is born here.
        candidates = [
            Overlap(ending[read], output, lead)
            for read, lead in leads.get(operation, {}).items()
            if read in ending
            and not graph.storages[read].is_output
            and blocks[ending[read]].last_step == blocks[output].first_step == step
        ]
        found += sorted(candidates, key=lambda o: (-blocks[o.source].size_bytes, o.source))[:1]
    return found


def floor_bytes(graph: StorageGraph, leads: Leads) -> int:
    """What the hungriest operation touches: a bound for any order and placement."""
    floor = graph.initial_bytes
    for i, op in enumerate(graph.operations):
        sizes = {r: graph.storages[r].size_bytes for r in op.reads}
        written = graph.storages[op.writes].size_bytes if op.writes is not None else 0
        together = sum(sizes.values()) + written
        for read, lead in leads.get(i, {}).items():
            union = max(sizes[read] + lead, written)
            together = min(together, sum(sizes.values()) - sizes[read] + union)
        if op.takes_over is not None:
            together = min(together, sum(sizes.values()))
        floor = max(floor, together + op.scratch_bytes)
    return floor


def place_overlapped(
    blocks: Sequence[Block], allowed: Sequence[Overlap], best_bytes: int, alignment: int, time_limit_s: float
) -> Overlapped | None:
    """Offsets with overlaps that need less than `best_bytes`, or None."""
    from ortools.sat.python import cp_model  # slow to import

    model: Any = cp_model.CpModel()
    high = best_bytes // alignment - 1
    sizes = [b.size_bytes // alignment for b in blocks]
    if max(sizes) > high:
        return None
    height = model.new_int_var(max(sizes), high, "height")
    offsets = [model.new_int_var(0, high - s, "") for s in sizes]
    for offset, size in zip(offsets, sizes, strict=True):
        model.add(offset + size <= height)
    leads = {(o.source, o.output): -(-o.lead_bytes // alignment) for o in allowed}
    for i, j in _meeting(blocks):
        choices = [model.new_bool_var(""), model.new_bool_var("")]
        model.add(offsets[i] + sizes[i] <= offsets[j]).only_enforce_if(choices[0])
        model.add(offsets[j] + sizes[j] <= offsets[i]).only_enforce_if(choices[1])
        for source, output in ((i, j), (j, i)):
            if (source, output) in leads:
                choices.append(model.new_bool_var(""))
                model.add(offsets[source] - offsets[output] >= leads[source, output]).only_enforce_if(
                    choices[-1]
                )
        model.add_bool_or(choices)
    model.minimize(height)
    solver: Any = cp_model.CpSolver()
    limit_solver(solver, time_limit_s)
    if solver.solve(model) not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        return None
    return Overlapped(
        [solver.value(o) * alignment for o in offsets],
        round(solver.objective_value) * alignment,
        round(solver.best_objective_bound) * alignment,
    )


def _meeting(blocks: Sequence[Block]) -> Iterator[tuple[int, int]]:
    for i, a in enumerate(blocks):
        for j in range(i + 1, len(blocks)):
            if a.meets(blocks[j]):
                yield i, j
