"""Replaying a plan byte by byte: nothing that is still to be read is ever overwritten.

The planner reasons about intervals of rows; this check knows nothing of them. It follows what the drivers
in C do (`ew_runtime.h`, `ew_stream.h`) over a map of the arena that says for every byte which byte of
which value lies there, and compares what each kernel reads with what the program says it should read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from edgewright.converter.program import ITEM_BYTES, Program, TensorType
from edgewright.converter.schedule import Plan
from edgewright.converter.schedule.segment import OP_STATE_BYTES, STATE_BYTES
from edgewright.converter.schedule.strips import strip_columns
from edgewright.targets.arena_map import ArenaMap, Span
from edgewright.targets.codegen.row_kernel import RowInput
from edgewright.targets.codegen.step_kernels import (
    CODE_DROP,
    CODE_RETIRE,
    CODE_RUN_WAIT,
    CODE_SEEK,
    CODE_ZERO,
    Place,
    StepOp,
    sequence_words,
    step_ops,
)
from edgewright.targets.cpu import CpuClass
from edgewright.targets.forms import NodeKernels

# (index of the input, offset, bytes) of a row that a call reads.
Read = tuple[int, int, int]


def check_plan(program: Program, plan: Plan, kernels: Mapping[str, NodeKernels], cpu: CpuClass) -> None:
    """Play an inference and compare every byte that is read with the byte that belongs there.

    Args:
        program: What was planned.
        plan: The plan.
        kernels: By node name.
        cpu: Class of core.

    Raises:
        WorkError: EW-PLAN-OVERLAP with step, node, row and bytes.
    """
    arena, offsets = ArenaMap(program, plan), plan.offsets
    if plan.input_mode == "resident":
        for port in program.inputs:
            arena.write(_whole(arena, program, port.value), offsets[port.value])
        for port in program.inputs:
            arena.where = f"input {port.name}"
            arena.read(_whole(arena, program, port.value), offsets[port.value])
    for index, step in enumerate(plan.steps):
        for strip, ops in enumerate(step_ops(program, plan, index, kernels, cpu)):
            if step.streamed is None:
                _run_whole(arena, program, index, ops[0])
            else:
                _Stream(arena, program, plan, index, strip, ops).run()
        last = step.nodes[-1].output
        arena.where = f"step {index}"
        arena.read(_whole(arena, program, last), offsets[last])
    for port in program.outputs:
        if port.value in offsets:
            arena.where = f"output {port.name}"
            arena.read(_whole(arena, program, port.value), offsets[port.value])


def _whole(arena: ArenaMap, program: Program, value: str) -> Span:
    return arena.span(value, 0, program.values[value].size_bytes)


def _run_whole(arena: ArenaMap, program: Program, index: int, op: StepOp) -> None:
    """`ew_run_op`."""
    kernel, node = op.kernel, op.node
    assert kernel is not None and node is not None
    for y in range(op.out_rows):
        arena.where = f"step {index}, node {node.name}, row {y}"
        if any(view.repeat > 1 for view in kernel.inputs):
            raise arena.error("repeats rows, which a driver of whole tensors does not")
        reads = []
        for i, (view, place) in enumerate(zip(kernel.inputs, op.inputs, strict=True)):
            for row in _rows(view, y) if place.constant is None else ():
                at = place.offset + row * (place.stride_bytes if view.rows > 1 else view.row_bytes)
                arena.read(arena.span(node.inputs[i], row * view.row_bytes, view.row_bytes), at)
                reads.append((i, at, view.row_bytes))
        out = op.output.offset + y * op.output.stride_bytes
        for i, at, size in reads:
            first = op.inputs[i].offset - op.output.offset
            if _meet(out, op.out_row_bytes, at, size) and not _may_meet(program, op, i, first):
                raise arena.error(f"writes {out} .. {out + op.out_row_bytes - 1} over its input at {at}")
        _use_scratch(arena, op, reads, out)
        arena.write(arena.span(node.output, y * op.out_row_bytes, op.out_row_bytes), out)


def _may_meet(program: Program, op: StepOp, i: int, above: int) -> bool:
    """Whether a call may write over what it reads; that input begins `above` bytes above the output."""
    kernel, node = op.kernel, op.node
    assert kernel is not None and node is not None
    if (kernel.script or kernel.source) and not kernel.may_alias:
        return False
    if kernel.lead_bytes is not None and above >= kernel.lead_bytes:
        return True
    # Element by element, each at its input's place or below.
    same = program.values[node.inputs[i]].size_bytes == program.values[node.output].size_bytes
    return node.op.in_place_input == i and same and above >= 0


def _use_scratch(arena: ArenaMap, op: StepOp, reads: list[Read], out: int) -> None:
    size = op.kernel.scratch_bytes if op.kernel is not None else 0
    if size:
        for at, length in [*((at, length) for _, at, length in reads), (out, op.out_row_bytes)]:
            if _meet(op.scratch, size, at, length):
                raise arena.error(f"has scratch memory at {op.scratch}, over its row at {at}")
        arena.spoil(op.scratch, size)


def _rows(view: RowInput, out_row: int) -> Iterator[int]:
    """Rows inside the tensor that an output row reads."""
    first = out_row // view.repeat * view.stride - view.pad_top
    for row in range(first, first + view.window * view.dilation, view.dilation):
        if 0 <= row < view.rows:
            yield row


def _meet(a: int, a_size: int, b: int, b_size: int) -> bool:
    return a < b + b_size and b < a + a_size


def _first_byte(kind: TensorType, columns: range) -> int:
    return columns.start * kind.shape[2] * ITEM_BYTES[kind.dtype]


@dataclass
class _State:
    """`ew_op_state`: the next row, and how many of the last ones wait for their slot."""

    row: int = 0
    waiting: int = 0


class _Stream:
    """`ew_stream.h`: one strip of a streamed step."""

    def __init__(
        self, arena: ArenaMap, program: Program, plan: Plan, index: int, strip: int, ops: list[StepOp]
    ) -> None:
        self.arena, self.program, self.ops, self.step = arena, program, ops, plan.steps[index]
        assert self.step.streamed is not None
        self.forms = self.step.streamed.simulation.ops
        self.states = [_State() for _ in ops]
        self.title = f"step {index}" + (f", strip {strip}" if self.step.strips > 1 else "")
        self.columns: dict[str, range] = {}
        if self.step.strips > 1:
            self.columns = strip_columns(self.forms, self.step.streamed.strips(self.step.strips)[strip])
        self.firsts = [self._first_bytes(i) for i in range(len(ops))]
        at = next(b.offset for b in plan.alive(index) if b.kind == "state")
        self.state = range(at, at + STATE_BYTES + OP_STATE_BYTES * len(ops))

    def run(self) -> None:
        """The whole sequence."""
        self.arena.where = self.title
        self.arena.spoil(self.state.start, len(self.state))
        self.arena.guard = self.state
        words = sequence_words(self.step)
        for word in words:
            code, index = word & 0xF000, word & 0x0FFF
            op, row = self.ops[index], self.states[index].row
            name = op.node.name if op.node is not None else "pushed rows"
            self.arena.where = f"{self.title}, node {name}, row {row}"
            if code == CODE_SEEK:
                self.states[index].row = next(words)
            elif code == CODE_ZERO:
                self.arena.write(self._written(index, 0), op.output.offset)
            elif code in (CODE_RETIRE, CODE_DROP):
                self._retire(index, copy=code == CODE_RETIRE)
            else:
                self._run_row(index, waits=code == CODE_RUN_WAIT)
        self.arena.guard = range(0)

    def _retire(self, index: int, *, copy: bool) -> None:
        op, state = self.ops[index], self.states[index]
        row = state.row - state.waiting
        if not state.waiting:
            raise self.arena.error("copies a row that does not wait")
        if copy:
            span = self._written(index, row)
            self.arena.read(span, self._waiting_row(op, row))
            self.arena.write(span, _slot(op.output, row))
        state.waiting -= 1

    def _waiting_row(self, op: StepOp, row: int) -> int:
        place = op.output
        if place.newest is None or not place.waiting_slots:
            raise self.arena.error("has no memory for a row that waits")
        return place.newest + row % place.waiting_slots * place.stride_bytes

    def _run_row(self, index: int, *, waits: bool) -> None:
        op, state = self.ops[index], self.states[index]
        if state.row == op.out_rows:
            raise self.arena.error("runs more often than it has rows")
        reads = self._read(index)
        out = self._waiting_row(op, state.row) if waits else _slot(op.output, state.row)
        for _, at, size in reads:
            if _meet(out, op.out_row_bytes, at, size):
                raise self.arena.error(f"writes {out} .. {out + op.out_row_bytes - 1} over its input at {at}")
        _use_scratch(self.arena, op, reads, out)
        if self.forms[index].accumulates:
            self.arena.read(self._written(index, state.row), out)
        state.row += 1
        # Sums are numbered by the calls that made them.
        self.arena.write(self._written(index, state.row - (not self.forms[index].accumulates)), out)
        state.waiting += waits

    def _read(self, index: int) -> list[Read]:
        """Check all rows that the next call of an op reads."""
        op, form = self.ops[index], self.forms[index]
        if op.kernel is None or op.node is None:
            return []
        found = []
        for i, (view, place) in enumerate(zip(op.kernel.inputs, op.inputs, strict=True)):
            for row in _rows(view, self.states[index].row) if place.constant is None else ():
                at = self._row_of(place, row)
                if form.part:
                    span = self._written(index - 1, row + 1)
                else:
                    value = op.node.inputs[i]
                    first = row * self.program.values[value].row_bytes + self.firsts[index][i]
                    span = self.arena.span(value, first, view.row_bytes)
                self.arena.read(span, at)
                found.append((i, at, view.row_bytes))
        return found

    def _row_of(self, place: Place, row: int) -> int:
        """Where a row is that an op reads."""
        if place.source is not None:
            source, state = self.ops[place.source], self.states[place.source]
            if row >= state.row - state.waiting:
                # A strip may read a part of the columns.
                return self._waiting_row(source, row) + place.offset - source.output.offset
        return _slot(place, row)

    def _first_bytes(self, index: int) -> tuple[int, ...]:
        """Where in a row of each input a strip's kernel begins to read."""
        node = self.ops[index].node
        if node is None or not self.columns:
            return (0,) * len(self.ops[index].inputs)
        types = [self.program.values[v] for v in node.inputs]
        cut = node.op.strip(self.columns[self.forms[index].output], *types)
        assert cut is not None
        return tuple(_first_byte(t, columns) for t, columns in zip(types, cut[1], strict=True))

    def _written(self, index: int, row: int) -> Span:
        """A row that an op writes, or its sums after so many calls."""
        form, size = self.forms[index], self.ops[index].out_row_bytes
        if form.accumulates:
            return self.arena.span(form.output, row * size, size)
        kind, columns = self.program.values[form.output], self.columns.get(form.output)
        first = _first_byte(kind, columns) if columns is not None else 0
        return self.arena.span(form.output, row * kind.row_bytes + first, size)


def _slot(place: Place, row: int) -> int:
    return place.offset + row % place.slots * place.stride_bytes
