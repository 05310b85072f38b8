"""The kernels of a plan's steps, and where each of them reads and writes in the arena."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from edgewright.converter.program import ITEM_BYTES, Array, Node, Program
from edgewright.converter.schedule import Plan, Step
from edgewright.converter.schedule.band import round_up
from edgewright.converter.schedule.network import storage_roots
from edgewright.converter.schedule.row_op import RowOp
from edgewright.converter.schedule.strips import strip_columns
from edgewright.targets.codegen.row_kernel import RowKernel
from edgewright.targets.cpu import CpuClass
from edgewright.targets.forms import NodeKernels


@dataclass(frozen=True)
class Place:
    """Rows in the arena.

    Args:
        offset: First byte of the first slot.
        stride_bytes: From slot to slot.
        slots: Row r lies in slot r % slots.
        newest: Offset of the buffer of rows that wait for their slot, None where no row does.
        waiting_slots: Rows that it holds.
        source: Index of the op of the segment that writes the rows, None for a tensor that is there.
        constant: The rows themselves, where they are in flash.
    """

    offset: int
    stride_bytes: int
    slots: int
    newest: int | None = None
    source: int | None = None
    constant: Array | None = None
    waiting_slots: int = 0


@dataclass(frozen=True, eq=False)
class StepOp:
    """One kernel of a step.

    Args:
        node: The node it belongs to; None for the rows that the application pushes.
        kernel: The kernel; None for pushed rows.
        inputs: Where the rows of each input are, in the order of `kernel.inputs`.
        output: Where it writes.
        out_rows: Rows it may write.
        out_row_bytes: Bytes of each.
        scratch: Offset of its scratch memory; of pushed rows the first byte that is wanted.
    """

    node: Node | None
    kernel: RowKernel | None
    inputs: tuple[Place, ...]
    output: Place
    out_rows: int
    out_row_bytes: int
    scratch: int


def step_ops(
    program: Program, plan: Plan, index: int, kernels: Mapping[str, NodeKernels], cpu: CpuClass
) -> list[list[StepOp]]:
    """The kernels of a step, strip by strip.

    Args:
        program: What was planned.
        plan: The plan.
        index: Of the step.
        kernels: By node name.
        cpu: Class of the core.
    """
    step = plan.steps[index]
    if step.streamed is None:
        return [[_whole_op(program, plan, index, whole_kernel(step, kernels))]]
    ops = step.streamed.simulation.ops
    if step.strips == 1:
        return [_strip_ops(_Strip(program, plan, index, 0, None), kernels, cpu)]
    return [
        _strip_ops(_Strip(program, plan, index, number, strip_columns(ops, columns)), kernels, cpu)
        for number, columns in enumerate(step.streamed.strips(step.strips))
    ]


def whole_kernel(step: Step, kernels: Mapping[str, NodeKernels]) -> RowKernel:
    """The kernel of a node that runs whole."""
    assert step.op is not None
    return kernels[step.nodes[0].name].layer[step.op.variant]


def _whole_op(program: Program, plan: Plan, index: int, kernel: RowKernel) -> StepOp:
    step = plan.steps[index]
    node, offsets = step.nodes[0], plan.offsets
    inputs = tuple(
        Place(0, v.row_bytes, v.rows, constant=program.constants[name])
        if name in program.constants
        else Place(offsets[name], v.row_bytes, v.rows)
        for name, v in zip(node.inputs, kernel.inputs, strict=True)
    )
    output = Place(offsets[node.output], kernel.out_row_bytes, kernel.out_rows)
    scratch = _working(plan, index, 0).get(f"{node.name}:scratch", 0)
    return StepOp(node, kernel, inputs, output, kernel.out_rows, kernel.out_row_bytes, scratch)


def _working(plan: Plan, index: int, strip: int) -> dict[str, int]:
    """Offsets of a step's working memory in a strip, by buffer name."""
    return {b.name: b.offset for b in plan.alive(index) if b.value is None and b.strip == strip}


class _Strip:
    """Places of the values of a streamed step in one strip (or in all columns)."""

    def __init__(
        self, program: Program, plan: Plan, index: int, number: int, columns: Mapping[str, range] | None
    ) -> None:
        self.program, self.columns = program, columns
        self.step: Step = plan.steps[index]
        assert self.step.streamed is not None
        self.alignment = plan.alignment
        self.ops = self.step.streamed.simulation.ops
        self.source = {op.output: i for i, op in enumerate(self.ops)}
        self.root = storage_roots(program)
        self.working = _working(plan, index, number)
        self.row_bytes = self.step.row_bytes[number]
        self.offsets = plan.offsets

    def range_of(self, value: str) -> range | None:
        """Columns of a value that the strip holds; None for all."""
        return self.columns.get(self.root.get(value, value)) if self.columns is not None else None

    def place(self, value: str, part: range | None) -> Place:
        """Where some columns of a value's rows are."""
        kind = self.program.values.get(value)
        pixel = kind.shape[2] * ITEM_BYTES[kind.dtype] if kind is not None else 0
        first = part.start if part is not None else 0
        if kind is not None and value in self.program.constants:
            constant = self.program.constants[value]
            if part is not None:
                constant = constant[:, part.start : part.stop]
            row_bytes = constant.shape[1] * pixel
            return Place(0, row_bytes, constant.shape[0], constant=constant)
        name = self.root.get(value, value)
        ring = self.step.rings.get(name)
        source = self.source.get(name)
        if ring is None:
            assert kind is not None
            return Place(self.offsets[name] + first * pixel, kind.row_bytes, kind.shape[0], source=source)
        held = self.range_of(value)
        shift = (first - held.start) * pixel if held is not None else 0
        stride = round_up(self.row_bytes[name], self.alignment)
        newest = self.working.get(f"{name}:newest")
        return Place(
            self.working[name] + shift,
            stride,
            ring.slots,
            newest + shift if newest is not None else None,
            source,
            waiting_slots=ring.waiting_slots,
        )


def _strip_ops(strip: _Strip, kernels: Mapping[str, NodeKernels], cpu: CpuClass) -> list[StepOp]:
    nodes = {n.name: n for n in strip.step.nodes}
    found = []
    for op in strip.ops:
        if not op.node:
            found.append(_pushed(strip, op))
            continue
        node = nodes[op.node]
        kernel, parts = _kernel(strip.program, node, op, kernels[op.node], cpu, strip)
        names = node.inputs if op.part == 0 else tuple(v for v in op.inputs if v is not None)
        places = tuple(strip.place(v, part) for v, part in zip(names, parts, strict=True))
        name = f"{op.node}:scratch" + (":end" if op.part else "")
        found.append(
            StepOp(
                node=node,
                kernel=kernel,
                inputs=places,
                output=strip.place(op.output, strip.range_of(op.output)),
                out_rows=op.out_rows,
                out_row_bytes=kernel.out_row_bytes,
                scratch=strip.working.get(name, 0),
            )
        )
    return found


def _pushed(strip: _Strip, op: RowOp) -> StepOp:
    held = strip.range_of(op.output)
    kind = strip.program.values[op.output]
    pixel = kind.shape[2] * ITEM_BYTES[kind.dtype]
    first, count = (held.start, len(held)) if held is not None else (0, kind.shape[1])
    place = strip.place(op.output, held)
    return StepOp(None, None, (), place, op.out_rows, count * pixel, first * pixel)


def _kernel(
    program: Program, node: Node, op: RowOp, own: NodeKernels, cpu: CpuClass, strip: _Strip
) -> tuple[RowKernel, tuple[range | None, ...]]:
    """The kernel of an op in a strip, and which columns of each input it reads."""
    assert own.stream is not None
    held = strip.range_of(op.output)
    if held is None or op.part or op.accumulates:
        kernel = own.stream[op.part] if not op.variant else own.lean[op.variant - 1]
        return kernel, (None,) * len(kernel.inputs)
    types = tuple(program.values[v] for v in node.inputs)
    cut = node.op.strip(held, *types)
    assert cut is not None
    narrow, parts = cut
    narrowed = tuple(
        replace(t, shape=(t.shape[0], len(part), t.shape[2])) for t, part in zip(types, parts, strict=True)
    )
    made = narrow.stream_kernels(cpu, *narrowed)
    assert made is not None
    lean = narrow.lean_kernels(cpu, *narrowed) if op.variant else ()
    # Fewer columns have other lean kernels: the fastest that needs no more than was planned.
    return next(k for k in (made[0], *lean) if k.scratch_bytes <= op.scratch_bytes), parts


def sequence_words(step: Step) -> Iterator[int]:
    """The sequence of a streamed step as the words that `ew_stream.h` reads."""
    assert step.streamed is not None
    simulation = step.streamed.simulation
    rows = [0] * len(simulation.ops)
    waits, retires = _waits(step)
    for event, index in enumerate(simulation.sequence.tolist()):
        op = simulation.ops[index]
        if event in simulation.seeks:
            rows[index] = simulation.seeks[event]
            yield CODE_SEEK | index
            yield rows[index]
        row = rows[index]
        if op.accumulates and row == 0:
            yield CODE_ZERO | index
        yield (CODE_RUN_WAIT if row in waits.get(op.output, ()) else CODE_RUN) | index
        rows[index] += 1
        yield from retires.get(event, ())


CODE_RUN, CODE_RUN_WAIT, CODE_RETIRE, CODE_DROP, CODE_ZERO, CODE_SEEK = (code << 12 for code in range(6))


def _waits(step: Step) -> tuple[dict[str, set[int]], dict[int, list[int]]]:
    """Rows that wait among the newest by value; words for rows that wait no more after an event."""
    assert step.streamed is not None
    simulation = step.streamed.simulation
    waits: dict[str, set[int]] = {}
    retires: dict[int, list[int]] = {}
    for index, op in enumerate(simulation.ops):
        ring = step.rings.get(op.output)
        if ring is None:
            continue
        waits[op.output] = set(ring.waits.tolist())
        last = simulation.lives[op.output].last
        for row, freed in zip(ring.waits.tolist(), ring.freed.tolist(), strict=True):
            code = CODE_RETIRE if last[row] > freed else CODE_DROP
            retires.setdefault(freed, []).append(code | index)
    return waits, retires
