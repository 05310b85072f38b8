"""The memory planner: operator order, operations in place, and the place of every buffer.

Three stages, each ending early when the proven lower bound is met: the order with the smallest peak of
live bytes (`order.py`), best-fit placement (`placement.py`), and the solver for what remains
(`exact_placement.py`), first with that order, then free in order and in working in place.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from edgewright.converter.program import Program
from edgewright.converter.schedule.exact_placement import ExactResult, solve
from edgewright.converter.schedule.memory_plan import Buffer, Plan, conflicts, scratch_name
from edgewright.converter.schedule.order import best_order
from edgewright.converter.schedule.overlap import Leads, floor_bytes, overlaps, place_overlapped
from edgewright.converter.schedule.placement import Block, blocks_of, place
from edgewright.converter.schedule.storage_graph import StorageGraph, build_storage_graph
from edgewright.errors import UsageError, WorkError

# Above this the model with free order costs more to build than it has ever gained.
MAX_FREE_ORDER_OPERATIONS = 100


@dataclass(frozen=True)
class _Layout:
    """An order with the offset of every storage and of every scratch memory, in bytes.

    `overtaken` has, by storage written, the storage read that it may overlap and the lead.
    """

    order: tuple[int, ...]
    storage_offsets: Mapping[int, int]
    scratch_offsets: Mapping[int, int]
    in_place: frozenset[int]
    height_bytes: int
    overtaken: Mapping[int, tuple[int, int]] = field(default_factory=dict)


def plan(
    program: Program,
    scratch_bytes: Mapping[str, int] | None = None,
    *,
    alignment: int = 4,
    time_limit_s: float = 10.0,
    leads: Mapping[str, Sequence[int | None]] | None = None,
) -> Plan:
    """Plan the arena of a program under a layer schedule (whole tensors).

    Args:
        program: Verified program; constants get no memory, reshapes share their input's.
        scratch_bytes: Scratch memory of the kernels by node name, alive during their step only.
        alignment: Of every offset and of the arena's size, in bytes: a power of two.
        time_limit_s: For the solver, which only runs where best fit leaves a gap. The result is
            the same on every run unless this limit ends the search.
        leads: By node name, for each of its inputs: how many bytes below it the output has to begin
            so that it only overwrites what has been read (`overlap.py`); None where it must not.

    Returns:
        The plan with the smallest arena found; `optimal` and `gap_bytes` say what is proven.

    Raises:
        UsageError: EW-PLAN-ALIGNMENT or EW-PLAN-SCRATCH where an argument makes no sense.
    """
    scratch = dict(scratch_bytes or {})
    _check_arguments(program, scratch, alignment)
    graph = build_storage_graph(program, scratch, alignment)
    searched = best_order(graph)
    blocks = blocks_of(graph, searched.order)
    offsets, height = place(blocks, searched.peak_bytes)
    layout = _from_blocks(searched.order, blocks, offsets, height)
    bound = searched.lower_bound_bytes
    if height > bound:
        layout, bound = _solve(graph, layout, searched.peak_bytes, bound, alignment, time_limit_s)
    if leads:
        by_storage = _leads_by_storage(program, graph, leads)
        layout, bound = _overlap(graph, layout, by_storage, alignment, time_limit_s)
    result = _build(program, graph, layout, scratch, bound, alignment)
    for a, b in conflicts(result):
        raise WorkError("EW-PLAN-OVERLAP", f"buffers {a.name} and {b.name} overlap: a bug of the planner")
    return result


def _leads_by_storage(
    program: Program, graph: StorageGraph, leads: Mapping[str, Sequence[int | None]]
) -> Leads:
    """Leads by operation and storage, where the output may overtake that input."""
    storage_of = {v: i for i, s in enumerate(graph.storages) for v in s.values}
    found: dict[int, dict[int, int]] = {}
    for index, node in enumerate(program.nodes):
        read = [storage_of.get(v) for v in node.inputs]
        for storage, lead in zip(read, leads.get(node.name, ()), strict=False):
            # A storage read twice is read in two orders.
            if storage is not None and lead is not None and read.count(storage) == 1:
                found.setdefault(index, {})[storage] = lead
    return found


def _overlap(
    graph: StorageGraph, layout: _Layout, leads: Leads, alignment: int, time_limit_s: float
) -> tuple[_Layout, int]:
    """Let outputs overtake their inputs, in the order that is best without; and the proven bound."""
    floor = floor_bytes(graph, leads)
    blocks = blocks_of(graph, layout.order)
    allowed = overlaps(graph, blocks, layout.order, leads)
    if layout.height_bytes <= floor or not allowed:
        return layout, min(floor, layout.height_bytes)
    placed = place_overlapped(blocks, allowed, layout.height_bytes, alignment, time_limit_s)
    if placed is None:
        return layout, min(floor, layout.height_bytes)
    overtaken = {blocks[o.output].storages[0]: (blocks[o.source].storages[-1], o.lead_bytes) for o in allowed}
    better = _from_blocks(layout.order, blocks, placed.offsets, placed.height_bytes)
    # The bound of these blocks is one of all plans only where there is no other order to run in.
    bound = max(floor, placed.bound_bytes) if _only_order(graph) else floor
    return replace(better, overtaken=overtaken), min(bound, placed.height_bytes)


def _check_arguments(program: Program, scratch: Mapping[str, int], alignment: int) -> None:
    if alignment < 1 or alignment & (alignment - 1):
        raise UsageError("EW-PLAN-ALIGNMENT", f"the alignment {alignment} is not a power of two")
    names = {n.name for n in program.nodes}
    for node, size in scratch.items():
        if node not in names or size < 0:
            raise UsageError("EW-PLAN-SCRATCH", f"{size} bytes of scratch memory for node {node}")


def _from_blocks(order: tuple[int, ...], blocks: Sequence[Block], offsets: list[int], height: int) -> _Layout:
    placed = list(zip(blocks, offsets, strict=True))
    chained = (s for b in blocks for s in b.storages[1:])
    return _Layout(
        order=order,
        storage_offsets={s: o for b, o in placed for s in b.storages},
        scratch_offsets={b.scratch_of: o for b, o in placed if b.scratch_of is not None},
        in_place=frozenset(chained),
        height_bytes=height,
    )


def _solve(
    graph: StorageGraph, layout: _Layout, peak: int, bound: int, alignment: int, time_limit_s: float
) -> tuple[_Layout, int]:
    """Let the solver close the gap; returns the better layout and the proven bound over all orders."""
    deadline = time.monotonic() + time_limit_s
    if layout.height_bytes > peak:
        result, in_this_order = solve(
            graph,
            layout.order,
            bound_bytes=peak,
            best_bytes=layout.height_bytes,
            alignment=alignment,
            time_limit_s=time_limit_s / 2,
        )
        if result is not None:
            layout = _from_solver(graph, result)
        if _only_order(graph):
            return layout, max(bound, in_this_order)
    left = deadline - time.monotonic()
    if layout.height_bytes > bound and left > 0 and len(graph.operations) <= MAX_FREE_ORDER_OPERATIONS:
        result, bound = solve(
            graph,
            None,
            bound_bytes=bound,
            best_bytes=layout.height_bytes,
            alignment=alignment,
            time_limit_s=min(left, time_limit_s / 2),
        )
        if result is not None:
            layout = _from_solver(graph, result)
    return layout, bound


def _only_order(graph: StorageGraph) -> bool:
    """Whether the operations can run in one order only: each needs the one before it."""
    return all(op.needs >> (i - 1) & 1 for i, op in enumerate(graph.operations) if i > 0)


def _from_solver(graph: StorageGraph, result: ExactResult) -> _Layout:
    written = (graph.operations[i].writes for i in result.in_place)
    return _Layout(
        order=result.order,
        storage_offsets=dict(enumerate(result.storage_offsets)),
        scratch_offsets=result.scratch_offsets,
        in_place=frozenset(w for w in written if w is not None),
        height_bytes=result.height_bytes,
    )


def _build(
    program: Program,
    graph: StorageGraph,
    layout: _Layout,
    scratch: Mapping[str, int],
    bound: int,
    alignment: int,
) -> Plan:
    tensors = sorted(_tensor_buffers(program, graph, layout), key=lambda b: (b.first_step, b.last_step))
    step_of = {operation: step for step, operation in enumerate(layout.order)}
    scratches = [
        Buffer(
            scratch_name(program.nodes[i].name),
            None,
            layout.scratch_offsets[i],
            scratch[program.nodes[i].name],
            step_of[i],
            step_of[i],
            "scratch",
        )
        for i in layout.order
        if i in layout.scratch_offsets
    ]
    draft = Plan(
        order=tuple(program.nodes[i] for i in layout.order),
        buffers=(*tensors, *scratches),
        arena_bytes=layout.height_bytes,
        lower_bound_bytes=bound,
        optimal=layout.height_bytes == bound,
        gap_bytes=layout.height_bytes - bound,
        peak_step=0,
        alignment=alignment,
    )
    steps = range(max(len(layout.order), 1))
    return replace(draft, peak_step=max(steps, key=lambda step: (draft.bytes_in_use(step), -step)))


def _tensor_buffers(program: Program, graph: StorageGraph, layout: _Layout) -> Iterator[Buffer]:
    """One buffer for each value; reshapes and operations in place name whose storage they share."""
    step_of = {program.nodes[i].output: step for step, i in enumerate(layout.order)}
    last_use = {v: step for v, step in step_of.items()}
    for step, i in enumerate(layout.order):
        for value in program.nodes[i].inputs:
            last_use[value] = max(step, last_use.get(value, 0))
    outputs = {p.value for p in program.outputs}
    final = max(len(layout.order) - 1, 0)
    for index, storage in enumerate(graph.storages):
        for value in storage.values:
            shares = storage.values[0] if value != storage.values[0] else None
            if index in layout.in_place and shares is None:
                assert storage.producer is not None
                node = program.nodes[storage.producer]
                assert node.op.in_place_input is not None
                shares = node.inputs[node.op.in_place_input]
            lead = None
            if index in layout.overtaken and shares is None:
                source, lead = layout.overtaken[index]
                assert storage.producer is not None
                read = program.nodes[storage.producer].inputs
                shares = next(v for v in read if v in graph.storages[source].values)
            yield Buffer(
                name=value,
                value=value,
                offset=layout.storage_offsets[index],
                size_bytes=program.values[value].size_bytes,
                first_step=step_of.get(value, 0),
                last_step=final if value in outputs else last_use.get(value, 0),
                kind="tensor",
                shares=shares,
                lead_bytes=lead,
            )
